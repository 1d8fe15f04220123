"""A real issuer for tests: an HTTP server with a key set, and signers of tokens like Better Auth's.

    with JwksServer() as issuer:
        alice = issuer.signer()                      # a new Ed25519 key, shown in the set
        token = alice.token("alice")                 # valid for 15 minutes, iss = aud = issuer.url
        bad = alice.token("alice", exp=0)            # any claim replaced; `...` leaves one out

What the server answers is settable between requests: `keys`, `body`, `status`, `headers`, `delay`, `drip`; `raw` is
sent instead of all that. While `gate` is cleared it answers nothing, and `asked` is set by each request that comes in.
`stop()` and `start()` take it away and bring it back on the same port, with another certificate if `tls` was set
meanwhile; `requests` lists the paths asked for, `traceparents` that header of each.
"""

import base64
import json
import ssl
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import EllipsisType, TracebackType
from typing import Any, Literal, Self

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.support.output_leaks import note

JWKS_PATH = "/api/auth/jwks"
PERSON = {"name": f"Canary {uuid.uuid4()}", "email": f"canary-{uuid.uuid4()}@example.com"}
"""What Better Auth tells of a user beside the id, and nobody else may."""

Json = dict[str, Any]


def base64url(data: bytes) -> str:
    """RFC 4648 section 5, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def dump(value: object) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


class Signer:
    """One signing key of `issuer`: Ed25519 (`EdDSA`), P-256 (`ES256`) or RSA of `bits` (`RS256`).

    `jwk` is its public member for a key set, shaped like Better Auth's: alg, kty, kid and the key, no `use`.
    """

    def __init__(self, issuer: str, audience: str | None = None, *, alg: str = "EdDSA", bits: int = 2048) -> None:
        self.issuer, self.audience, self.alg = issuer, audience or issuer, alg
        self.kid = uuid.uuid4().hex
        if alg == "EdDSA":
            ed = ed25519.Ed25519PrivateKey.generate()
            self.private: Any = ed
            self._algorithm: Any = OKPAlgorithm()
            public = OKPAlgorithm.to_jwk(ed.public_key(), as_dict=True)
        elif alg == "ES256":
            p256 = ec.generate_private_key(ec.SECP256R1())
            self.private, self._algorithm = p256, ECAlgorithm(ECAlgorithm.SHA256)
            public = ECAlgorithm.to_jwk(p256.public_key(), as_dict=True)
        else:
            big = rsa.generate_private_key(65537, bits)
            self.private, self._algorithm = big, RSAAlgorithm(RSAAlgorithm.SHA256)
            public = {k: v for k, v in RSAAlgorithm.to_jwk(big.public_key(), as_dict=True).items() if k != "key_ops"}
        self.jwk: Json = {"alg": alg, **public, "kid": self.kid}

    @property
    def private_jwk(self) -> Json:
        """The member that must never be shown; of an Ed25519 key."""
        return self.jwk | {"d": base64url(self.private.private_bytes_raw())}

    def header(self, **changes: Any) -> Json:
        """Better Auth's header, alg and kid without typ; `changes` replace, `...` leaves out."""
        return _changed({"alg": self.alg, "kid": self.kid}, changes)

    def claims(self, sub: Any = "alice", **changes: Any) -> Json:
        """Better Auth's payload, the user object and the registered claims; `changes` replace, `...` leaves out."""
        now = int(time.time())
        user = {**PERSON, "emailVerified": True, "image": None, "id": sub}
        registered = {"iat": now, "sub": sub, "exp": now + 900, "iss": self.issuer, "aud": self.audience}
        return _changed(user | registered, changes)

    def token(self, sub: Any = "alice", *, header: Json | None = None, **changes: Any) -> str:
        """A signed token; `header` and `changes` alter its header and claims."""
        claims = self.claims(sub, **changes)
        for text in (claims.get("sub"), claims.get("name"), claims.get("email")):
            note("a claim", text if isinstance(text, str) else "")
        return self.sign(dump(self.header(**(header or {}))), dump(claims))

    def sign(self, header: bytes, payload: bytes) -> str:
        """The compact serialisation of any bytes, with a genuine signature over them."""
        return self.seal(f"{base64url(header)}.{base64url(payload)}")

    def seal(self, signing_input: str) -> str:
        """`signing_input` with a genuine signature behind it, even where it is no base64url."""
        signature = base64url(self.signature(signing_input))
        note("the signature of a token", signature)
        return f"{signing_input}.{signature}"

    def signature(self, signing_input: str) -> bytes:
        """Sign a text: the raw bytes of the third segment."""
        signature: bytes = self._algorithm.sign(signing_input.encode("utf-8", "surrogatepass"), self.private)
        return signature


class JwksServer:
    """An HTTP (with `tls`, HTTPS) server on a free loopback port that shows a key set under any path."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.keys: list[Json] = []
        self.body: bytes | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.drip: Literal["", "head", "body"] = ""
        self.raw: bytes | None = None
        self.requests: list[str] = []
        self.traceparents: list[str | None] = []
        self.asked, self.gate = threading.Event(), threading.Event()
        self.gate.set()
        self.tls, self._port = tls, 0
        self._server: _Server | None = None

    @property
    def url(self) -> str:
        """The issuer: scheme, host and port."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def jwks_url(self) -> str:
        """Where the key set is, as Better Auth has it."""
        return self.url + JWKS_PATH

    def signer(self, alg: str = "EdDSA", *, audience: str | None = None) -> Signer:
        """A new key of this issuer, shown in its set from now on."""
        signer = Signer(self.url, audience, alg=alg)
        self.keys.append(signer.jwk)
        return signer

    def show(self, *keys: Json) -> None:
        """Replace the key set: a rotation."""
        self.keys[:] = keys

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    def start(self) -> None:
        """Listen; after a `stop()`, on the same port as before."""
        self._server = _Server(("127.0.0.1", self._port), _Handler)
        self._server.issuer = self
        self._port = self._server.server_address[1]
        if self.tls:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Stop listening: new connections are refused, answers under way are broken off."""
        server, self._server = self._server, None
        if server:
            server.over.set()
            server.shutdown()
            server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    issuer: JwksServer

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.over = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up or distrusts the certificate is part of the tests; anything else is shown."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        issuer, over = self.server.issuer, self.server.over
        issuer.requests.append(self.path)
        issuer.traceparents.append(self.headers["traceparent"])
        issuer.asked.set()
        if not issuer.gate.wait(30) or over.wait(issuer.delay):
            return
        if issuer.raw is not None:
            self.wfile.write(issuer.raw)
            return
        body = dump({"keys": issuer.keys}) if issuer.body is None else issuer.body
        self._drip(b"HTTP/1.0 %d Test\r\n" % issuer.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))} | issuer.headers
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        self._drip(head.encode(), slow=issuer.drip == "head")
        self._drip(body, slow=issuer.drip == "body")

    def _drip(self, data: bytes, *, slow: bool = False) -> None:
        """Write all at once, or a byte each 0.1 s: each read of the client ends in time, the whole does not."""
        if not slow:
            self.wfile.write(data)
            return
        for byte in data:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(0.1):
                return

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name in the standard library
        """Keep standard error for failures."""


def _changed(whole: Json, changes: Json) -> Json:
    return {name: value for name, value in (whole | changes).items() if not isinstance(value, EllipsisType)}
