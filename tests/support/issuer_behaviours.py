"""How an issuer may behave, good and bad: the table that `test_key_table.py` runs, cold and warm.

`GOOD` signs the good tokens; a row breaks an issuer that shows its key.
"""

import datetime as dt
import gzip
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.jwks_server import JwksServer, Signer, dump

HOST = "127.0.0.1"


def certificate(folder: Path, address: str = HOST, days: int = 1) -> Path:
    """Write a key and a certificate of its own for a host with that address, over after `days`; give the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(3)).not_valid_after(now + dt.timedelta(days))
    for extension, critical in (
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), False),
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / f"{uuid4()}.pem"
    file.write_bytes(secret + pem)
    return file


def trusted(folder: Path, *of: Any) -> Path:
    """A certificate that is added to what the client trusts."""
    file = certificate(folder, *of)
    with (folder / "trusted.pem").open("ab") as bundle:
        bundle.write(file.read_bytes())
    return file


def serving(file: Path) -> ssl.SSLContext:
    """A server's side of TLS with what `certificate` wrote."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@dataclass(frozen=True)
class Row:
    """What an issuer does, and what becomes of it.

    `does` breaks it; over TLS, `tls` makes the context that it serves with from then on. The statuses: of a good token
    in a new environment, of the same in one that holds its key, once that has to be asked for again, and of a token by
    a key that the issuer never showed. `slow` rows answer nothing in time.
    """

    does: Callable[[JwksServer], Any]
    cold: int = 503
    warm: int = 200
    stranger: int = 503
    tls: Callable[[Path], ssl.SSLContext | None] | None = None
    slow: bool = False


def answers(**attributes: Any) -> Callable[[JwksServer], None]:
    """Set attributes of the server."""

    def does(issuer: JwksServer) -> None:
        for name, value in attributes.items():
            setattr(issuer, name, value)

    return does


def shows(*members: Any) -> Callable[[JwksServer], None]:
    return lambda issuer: issuer.show(*members)


def chunked(body: bytes, end: bytes = b"0\r\n\r\n") -> dict[str, Any]:
    """A body in chunks of 100 bytes."""
    parts = [body[start : start + 100] for start in range(0, len(body), 100)]
    text = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + end
    return {"body": text, "headers": {"Transfer-Encoding": "chunked"}}


GOOD = Signer("https://issuer.example")
OTHER = Signer("https://issuer.example").jwk
SET = dump({"keys": [GOOD.jwk]})
TWIN = OTHER | {"kid": GOOD.kid}
PRIVATE = GOOD.private_jwk
MANY = [{"kid": str(number)} for number in range(20_000)]
ODDITIES: list[Any] = [
    *(None, 7, "key", [], {}, {"kty": "OKP"}, PRIVATE | {"kid": "private"}, GOOD.jwk | {"kid": "enc", "use": "enc"}),
    *({"kty": "oct", "kid": "oct", "k": "c2VjcmV0"}, {"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}),
]


def redirect(status: int, location: str) -> Row:
    return Row(answers(status=status, headers={"Location": location}))


UNREACHABLE: dict[str, Row] = {
    "down": Row(JwksServer.stop),
    "hangs up": Row(answers(raw=b"")),
    "says nothing": Row(answers(delay=30), slow=True),
    "drips its head": Row(answers(drip="head"), slow=True),
    "drips its body": Row(answers(drip="body"), slow=True),
    "drips chunks": Row(answers(drip="body", **chunked(SET)), slow=True),
    "TLS: an untrusted certificate": Row(lambda _: None, tls=lambda folder: serving(certificate(folder))),
    "TLS: another host's certificate": Row(lambda _: None, tls=lambda folder: serving(trusted(folder, "127.0.0.2"))),
    "TLS: an expired certificate": Row(lambda _: None, tls=lambda folder: serving(trusted(folder, HOST, -1))),
    "TLS: none on its port": Row(lambda _: None, tls=lambda _: None, slow=True),
}


NO_SET: dict[str, Row] = {
    **{f"status {status}": Row(answers(status=status)) for status in (201, 204, 206, 304, 401, 404, 429, 500, 503)},
    "GHSA-9v7f-9g4p-ffgj, 302 to the same set, and so on": redirect(302, "/elsewhere"),
    "GHSA-9v7f-9g4p-ffgj, 301 to another host": redirect(301, "http://127.0.0.1:9/jwks"),
    "GHSA-9v7f-9g4p-ffgj, 307 to a file": redirect(307, "file:///etc/hosts"),
    "GHSA-9v7f-9g4p-ffgj, 308 to data": redirect(308, "data:application/json,{}"),
    "HTML with 200": Row(answers(body=b"<!doctype html><title>In</title>", headers={"Content-Type": "text/html"})),
    "an empty body": Row(answers(body=b"")),
    "a set cut short": Row(answers(body=SET[:-9], headers={"Content-Length": str(len(SET))})),
    "a length too short": Row(answers(headers={"Content-Length": "10"})),
    "gzip": Row(answers(body=gzip.compress(SET), headers={"Content-Encoding": "gzip"})),
    "gzip, not said": Row(answers(body=gzip.compress(SET))),
    "chunks cut short": Row(answers(**chunked(SET, end=b""))),
    "chunks of no size": Row(answers(body=SET, headers={"Transfer-Encoding": "chunked"})),
    "no HTTP": Row(answers(raw=b"SSH-2.0-OpenSSH_9.9\r\n")),
    "a body alone": Row(answers(raw=SET)),
    "a hundred times 100 Continue": Row(answers(raw=b"HTTP/1.1 100 Continue\r\n\r\n" * 100)),
    "not UTF-8": Row(answers(body=b'{"keys": ["\xff"]}')),
    "UTF-16": Row(answers(body=SET.decode().encode("utf-16"))),
    "a byte order mark": Row(answers(body=b"\xef\xbb\xbf" + SET)),
    "GHSA-8wjv-2p76-3863, 60,000 deep": Row(answers(body=b"[" * 60_000)),
    "an endless number": Row(answers(body=b'{"keys":' + b"9" * 60_000 + b"}")),
    "null": Row(answers(body=b"null")),
    "a list": Row(answers(body=dump([GOOD.jwk]))),
    "no keys member": Row(answers(body=dump({"key": [GOOD.jwk]}))),
    "keys is an object": Row(answers(body=dump({"keys": GOOD.jwk}))),
    "keys is a string": Row(answers(body=dump({"keys": "all of them"}))),
    "33 keys": Row(answers(body=dump({"keys": [GOOD.jwk, *MANY[:32]]}))),
    "20,000 keys": Row(answers(body=dump({"keys": [GOOD.jwk, *MANY]}))),
    "64 KiB and a byte": Row(answers(body=SET.ljust(65_537))),
    "a body without end": Row(answers(body=SET.ljust(3_000_000), headers={"Content-Length": "1000000000"})),
    "a head without end": Row(answers(headers={f"X-{number}": "x" for number in range(200)})),
}

NO_KEY: dict[str, Row] = {
    "no keys": Row(shows()),
    "its private key alone": Row(shows(PRIVATE)),
    "its key for encryption alone": Row(shows(GOOD.jwk | {"use": "enc"})),
    "a secret alone": Row(shows({"kty": "oct", "kid": GOOD.kid, "k": "c2VjcmV0"})),
    "two keys with one kid alone": Row(shows(GOOD.jwk, TWIN)),
    "a key without a kid alone": Row(shows({name: value for name, value in GOOD.jwk.items() if name != "kid"})),
    "oddities alone": Row(shows(*ODDITIES)),
}

WELL: dict[str, Row] = {
    name: Row(does, 200, 200, 401)
    for name, does in {
        "as it should": answers(),
        "no content type": answers(headers={"Content-Type": ""}),
        "another content type": answers(headers={"Content-Type": "text/html; charset=utf-16"}),
        "no length": answers(headers={"Content-Length": ""}),
        "chunks": answers(**chunked(SET)),
        "white space": answers(body=b"\r\n\t " + SET + b"\n"),
        "no alg": shows({name: value for name, value in GOOD.jwk.items() if name != "alg"}),
        "other members beside": answers(body=dump({"keys": [GOOD.jwk | {"x5t": 7, "iat": None}], "next": "?"})),
        "oddities beside": shows(*ODDITIES, GOOD.jwk, *ODDITIES),
        "others' keys with one kid beside": shows(OTHER, GOOD.jwk, OTHER),
        "64 KiB and 32 keys": answers(body=dump({"keys": [*MANY[:31], GOOD.jwk]}).ljust(65_536)),
    }.items()
} | {"TLS: a new certificate": Row(lambda _: None, 200, 200, 401, tls=lambda folder: serving(trusted(folder, HOST)))}

WITHOUT_IT: dict[str, Row] = {
    name: Row(shows(*members), 401, 401, 401)
    for name, members in {
        "rotated": [OTHER],
        "its private key, and another": [PRIVATE, OTHER],
        "its key for encryption, and another": [GOOD.jwk | {"use": "enc"}, OTHER],
        "its kid for another key": [TWIN],
        "its kid twice, and another": [GOOD.jwk, TWIN, OTHER],
        "its kid in another case": [GOOD.jwk | {"kid": GOOD.kid.upper() + "A"}, OTHER],
    }.items()
}

ISSUERS = UNREACHABLE | NO_SET | NO_KEY | WELL | WITHOUT_IT
"""The first three kinds show nothing: a good token is 503 or still good. `WITHOUT_IT` shows keys, but not its own."""
