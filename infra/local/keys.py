"""The development issuer: a signing key of this checkout, tokens like Better Auth's, and its key set over HTTP.

`python -m infra.local.keys` (behind `make token`) prints a token for USER_ID. Nothing here is ever packaged.
"""

import base64
import contextlib
import hashlib
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

LOCAL = Path(__file__).resolve().parent.parent.parent / ".local"
ISSUER = "http://dev.localhost"
"""The `iss` and `aud` of development tokens: the same whatever port the server has."""
PATH = "/api/auth/jwks"
LIFETIME = 86_400
"""Seconds; the longest that the API takes."""
LONGEST_USER_ID = 255
KEY_FILE = LOCAL / "signing-key.pem"


class DevelopmentKey:
    """The Ed25519 key in `file`, which is made when it is not there."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            _write_once(file)
        key = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{file} holds no Ed25519 key: delete it")
        self._key = key
        self._public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._kid = hashlib.sha256(self._public).hexdigest()[:32]

    def token(self, user_id: str) -> str:
        """Give a token for `user_id`: the header and the claims that Better Auth's jwt plugin makes."""
        now = int(time.time())
        claims = {"sub": user_id, "iss": ISSUER, "aud": ISSUER, "iat": now, "exp": now + LIFETIME}
        return jwt.encode(claims, self._key, "EdDSA", {"kid": self._kid, "typ": None})

    def key_set(self) -> dict[str, list[dict[str, str]]]:
        """Give the public half as a JWKS (RFC 7517, RFC 8037)."""
        x = base64.urlsafe_b64encode(self._public).rstrip(b"=").decode("ascii")
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": self._kid, "x": x}]}

    def serve(self) -> str:
        """Serve the key set from a thread, on a free loopback port, until the process ends; give its URL."""
        document = json.dumps(self.key_set()).encode()

        class KeySet(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200 if self.path == PATH else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_: object) -> None:
                """Say nothing: the API's own line tells enough."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), KeySet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}{PATH}"


def _write_once(file: Path) -> None:
    """Write a new key; where another process is faster, its key stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = file.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_bytes(pem)
    with contextlib.suppress(FileExistsError):
        file.hardlink_to(draft)
    draft.unlink()


def main() -> int:
    """Print a token for USER_ID and nothing else; give the exit status."""
    user_id = os.environ.get("USER_ID", "")
    if not (0 < len(user_id) <= LONGEST_USER_ID and user_id.isprintable()):
        print("USER_ID is missing or malformed: make token USER_ID=alice", file=sys.stderr)
        return 2
    print(DevelopmentKey(KEY_FILE).token(user_id))
    return 0


if __name__ == "__main__":
    sys.exit(main())
