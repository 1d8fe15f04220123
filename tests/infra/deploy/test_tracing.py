"""X-Ray's traces: off as it comes, and what reaches its daemon where they are turned on."""

import json
import socket
import subprocess
import sys

from infra.operations import ROOT
from tests.infra.deploy.test_runtime_client import OPERATIONS, event_of, running
from tests.support.stack import Stack, User
from tests.support.timeouts import PROCESS_TIMEOUT

LOADED = "import sys, functions.service.health; print('aws_xray_sdk' in sys.modules)"


def test_as_it_comes_the_sdk_is_not_even_loaded(stack: Stack) -> None:
    del stack  # whose variables are in the environment
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_turned_on_each_request_is_a_segment_without_what_is_the_callers(stack: Stack, user: User) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(PROCESS_TIMEOUT)
        variables = {
            "POWERTOOLS_TRACE_DISABLED": "false",
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
        }
        with running(OPERATIONS["tasks_create"], stack, **variables) as function:
            answer = function.invoke(event_of(OPERATIONS["tasks_create"], user))
            heard = daemon.recv(65_536).decode()
    assert answer["statusCode"] == 201
    head, segment = heard.split("\n", 1)
    assert json.loads(head) == {"format": "json", "version": 1}
    told = json.loads(segment)
    assert told["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert told["annotations"] == {"ColdStart": True, "Service": "task-api"}
    assert not [text for text in ("Book the venue", user.id, user.token) if text in heard]
