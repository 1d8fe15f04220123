"""What stands before PostgreSQL at Neon, for one client: ends TLS at its first byte and binds the channel (RFC 5929).

PgBouncer binds no channel, and the embedded PostgreSQL is built without TLS: this asks for SCRAM-SHA-256-PLUS
(RFC 5802, RFC 7677) as such a server would, checks what the client bound, and passes the rest on.
"""

import base64
import hashlib
import hmac
import os
import select
import socket
import ssl
import struct
import threading
from typing import Self

import psycopg
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.certificates import Certificates

ITERATIONS = 4096
PARAMETERS = ("client_encoding", "DateStyle", "server_version", "standard_conforming_strings", "TimeZone")


class BindingServer:
    """Takes the client that knows `password`; the session behind it is that of `url`. `bound` is what it has shown."""

    def __init__(self, url: str, password: str, certificates: Certificates) -> None:
        self._url, self._password = url, password
        pem = certificates.certificate.read_bytes()
        der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
        self.expected = b"p=tls-server-end-point,," + hashlib.sha256(der).digest()
        self.bound: list[bytes] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificates.certificate, certificates.key)
        self._context.set_alpn_protocols(["postgresql"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(10)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        try:
            plain, _ = self._listener.accept()
            with plain, self._context.wrap_socket(plain, server_side=True) as client:
                _exactly(client, _number(_exactly(client, 4)) - 4)  # the startup message
                self._authenticate(client)
                self._pass_on(client)
        except OSError:
            return  # it hung up, or nobody came

    def _authenticate(self, client: ssl.SSLSocket) -> None:
        _send(client, b"R", struct.pack("!i", 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
        mechanism, _, rest = _message(client).partition(b"\0")
        if mechanism != b"SCRAM-SHA-256-PLUS":
            raise OSError("the client binds no channel")
        first = rest[4:].split(b",", 2)[2]
        nonce = dict(part.split(b"=", 1) for part in first.split(b","))[b"r"] + base64.b64encode(os.urandom(18))
        salt = os.urandom(16)
        challenge = b"r=%b,s=%b,i=%d" % (nonce, base64.b64encode(salt), ITERATIONS)
        _send(client, b"R", struct.pack("!i", 11) + challenge)
        unproven, _, proof = _message(client).partition(b",p=")
        self.bound.append(base64.b64decode(unproven.split(b",")[0].removeprefix(b"c=")))
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, ITERATIONS)
        told = b",".join((first, challenge, unproven))
        client_key = _mac(salted, b"Client Key")
        signature = _mac(hashlib.sha256(client_key).digest(), told)
        proven = bytes(one ^ two for one, two in zip(client_key, signature, strict=True))
        if self.bound[-1] != self.expected or base64.b64decode(proof) != proven:
            raise OSError("another channel, or another password")
        final = b"v=" + base64.b64encode(_mac(_mac(salted, b"Server Key"), told))
        _send(client, b"R", struct.pack("!i", 12) + final)
        _send(client, b"R", struct.pack("!i", 0))

    def _pass_on(self, client: ssl.SSLSocket) -> None:
        with psycopg.connect(self._url) as behind:
            for name in PARAMETERS:
                value = behind.pgconn.parameter_status(name.encode()) or b""
                _send(client, b"S", name.encode() + b"\0" + value + b"\0")
            _send(client, b"K", struct.pack("!ii", 0, 0))
            _send(client, b"Z", b"I")
            with socket.socket(fileno=os.dup(behind.pgconn.socket)) as server:
                server.setblocking(True)
                while True:
                    ready, _, _ = select.select([client, server], [], [])
                    for source, target in ((client, server), (server, client)):
                        if source in ready:
                            data = source.recv(65536)
                            if not data:
                                return
                            target.sendall(data)


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _number(data: bytes) -> int:
    return int.from_bytes(data)


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            raise OSError("the client hung up")
        data += part
    return data


def _message(source: socket.socket) -> bytes:
    return _exactly(source, _number(_exactly(source, 5)[1:]) - 4)


def _send(target: socket.socket, kind: bytes, body: bytes) -> None:
    target.sendall(kind + struct.pack("!i", len(body) + 4) + body)
