"""What stands for AWS Secrets Manager: one secret over HTTP, as `GetSecretValue` gives it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

SECRET_ID = "tasks/database"


class SecretsManager(ThreadingHTTPServer):
    """Answers every request with `value`, with 503 while it is `away`; `reads` counts the answers with a value."""

    daemon_threads = True

    def __init__(self, value: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.value, self.reads = value, 0
        self.away = threading.Event()

    @property
    def variables(self) -> dict[str, str]:
        """With which an environment finds it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.server_port}",
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: SecretsManager
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        away = self.server.away.is_set()
        self.server.reads += not away
        found = {"Name": SECRET_ID, "SecretString": self.server.value}
        body = json.dumps({"message": "away"} if away else found).encode()
        self.send_response(503 if away else 200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
