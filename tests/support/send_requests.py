"""python -m tests.support.send_requests: send the requests of standard input to the handlers.

The statuses and request ids go to a file.

A process of its own, so that all that it writes, wherever, is the handlers' output.
"""

import json
import sys
from pathlib import Path

import httpx

from tests.support.api_gateway import Gateway
from tests.support.openapi_validator import FAULT


def main() -> None:
    requests = json.loads(sys.stdin.buffer.read())
    with httpx.Client(transport=Gateway(), base_url="https://api.test") as api:
        answers = [api.request(**request, extensions=FAULT) for request in requests]
    told = [[answer.status_code, answer.headers["x-request-id"]] for answer in answers]
    Path(sys.argv[1]).write_text(json.dumps(told), "ascii")


if __name__ == "__main__":
    main()
