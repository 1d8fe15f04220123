"""Hostile tokens, family by family: most are signed with a genuine key, so it is the rule that refuses them.

What can be refused without a key costs no request to the issuer; no reason tells anything of the token.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.jwks import JwksServer, dump
from tests.shared.forging import (
    Forge,
    behind,
    claims,
    embedded,
    exp_spelt,
    header,
    hs256,
    instead,
    member,
    payload,
    public,
    raw_header,
    recoded,
    refuse,
    segments,
    text,
    timed,
    unused_bits,
)


@pytest.fixture
def issuer() -> Iterator[JwksServer]:
    with JwksServer() as server:
        yield server


ALGORITHM: dict[str, Forge] = {
    **{f"CVE-2015-9235 alg {name!r}": header(alg=name) for name in ("none", "None", "NONE", "nOnE", "none ", "")},
    **{
        f"RFC 8725 3.1 alg {name!r}": header(alg=name) for name in ("eddsa", "EDDSA", " EdDSA", "EdDSA\0", "EdDSA,none")
    },
    **{f"alg {name}": header(alg=name) for name in ("Ed25519", "Ed448", "ES256", "RS256", "PS256", "HS256", "dir")},
    **{f"alg {value!r}": header(alg=value) for value in (None, 0, True, ["EdDSA"], {"EdDSA": 1})},
    "alg missing": header(alg=...),
    "CVE-2024-53861 alg a part of an allowed one": header(alg="EdDS"),
    "CVE-2017-11424 PEM as the secret": hs256(public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    "CVE-2022-29217 OpenSSH as the secret": hs256(public(Encoding.OpenSSH, PublicFormat.OpenSSH)),
    "CVE-2024-33663 DER as the secret": hs256(public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)),
    "CVE-2016-7036 raw bytes as the secret": hs256(public(Encoding.Raw, PublicFormat.Raw)),
    "CVE-2026-48526 JWK as the secret": hs256(lambda signer: dump(signer.jwk)),
    "the x of the JWK as the secret": hs256(lambda signer: signer.jwk["x"].encode()),
    "an empty secret": hs256(lambda _: b""),
}

HEADER: dict[str, Forge] = {
    "CVE-2018-0114 jwk, signed by it": embedded,
    "jku beside a genuine signature": header(jku="http://127.0.0.1:9/jwks"),
    "x5u": header(x5u="http://127.0.0.1:9/cert"),
    "x5c": header(x5c=["MIIB"]),
    "CVE-2026-32597 crit unknown": header(crit=["canary"], canary=1),
    "CVE-2025-59420 crit empty": header(crit=[]),
    "crit a string": header(crit="b64"),
    "CVE-2026-48525 b64 false": header(b64=False, crit=["b64"]),
    "GHSA-wphv-vfrh-23q5 b64 true": header(b64=True),
    "CVE-2024-33664 zip": header(zip="DEF"),
    "CVE-2023-51774 enc": header(enc="A256GCM"),
    **{f"typ {name}": header(typ=name) for name in ("at+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE", "jwt")},
    **{f"typ {value!r}": header(typ=value) for value in ("", "JWT ", "application/jwt", None, 1, ["JWT"])},
    "kid missing": header(kid=...),
    **{f"kid {value!r}": header(kid=value) for value in (None, 0, True, "", ["kid"], {"kid": 1})},
    "kid too long": header(kid="k" * 256),
    **{
        f"kid {value!r}": header(kid="canary" + value) for value in ("\0", "\n", "\r\nX: y", "\x7f", "\u2028", "\ud800")
    },
    "kid with an escaped lone surrogate": raw_header(b'{"alg":"EdDSA","kid":"\\udfff"}'),
    "kid twice": raw_header(b'{"alg":"EdDSA","kid":"other","kid":"KID"}'),
    "alg twice": raw_header(b'{"alg":"none","alg":"EdDSA","kid":"KID"}'),
    "alg twice, once escaped": raw_header(b'{"\\u0061lg":"none","alg":"EdDSA","kid":"KID"}'),
    "a member twice, deeper": raw_header(b'{"alg":"EdDSA","kid":"KID","x":[{"a":1,"a":2}]}'),
    **{f"{text!r} for a header": raw_header(text.encode()) for text in ("[]", "null", '"alg"', "1", "{", "{}", "")},
    "a header in UTF-16": lambda signer: signer.sign(
        json.dumps(signer.header()).encode("utf-16"), dump(signer.claims())
    ),
}

YEARS = 100 * 365 * 86_400
MALFORMED_TIMES: tuple[Any, ...] = ("1795357515", 1795357515.0, 1795357515.5, True, None, [], {}, "", "now")

OTHER_AUDIENCES: tuple[Any, ...] = ("", None, 7, [], {}, "https://other.example", ["https://other.example"])

CLAIMS: dict[str, Forge] = {
    **{f"{name} missing": claims(**{name: ...}) for name in ("exp", "iat", "sub", "iss", "aud")},
    **{f"{name} {value!r}": claims(**{name: value}) for name in ("exp", "iat", "nbf") for value in MALFORMED_TIMES},
    **{f"{name} {value}": member(name, value) for name in ("nbf", "x") for value in ("NaN", "Infinity", "-Infinity")},
    **{f"exp {value}": exp_spelt(value) for value in ("1e400", "1e10", "1795357515.0", "-0.0", "0x7f", "9" * 30)},
    "over by more than the leeway": timed(exp=-40, iat=-900),
    "exp 0": claims(exp=0),
    "exp negative": claims(exp=-1, iat=-2),
    "iat in the future": timed(iat=90),
    "iat in milliseconds": lambda signer: signer.token(iat=int(time.time()) * 1000, exp=int(time.time()) * 1000 + 900),
    "nbf in the future": timed(nbf=90),
    "nbf negative": claims(nbf=-1),
    "a life of 100 years": timed(exp=YEARS),
    "a life of a day and a second": timed(exp=86_401, iat=0),
    **{f"sub {value!r}": claims(sub=value) for value in ("", "a" * 256, None, 7, True, ["alice"], {"id": "alice"})},
    **{
        f"sub with {value!r}": claims(sub="alice" + value)
        for value in ("\0", "\n", "\x1b[31m", "\x7f", "\x85", "\u202e", "\ud800")
    },
    **{f"iss {value!r}": claims(iss=value) for value in ("", None, 7, ["http://127.0.0.1"], "http://127.0.0.1")},
    "CVE-2024-53861 iss a prefix": lambda signer: signer.token(iss=signer.issuer[:-1]),
    "iss a suffix": lambda signer: signer.token(iss=signer.issuer[1:]),
    "iss with a slash": lambda signer: signer.token(iss=signer.issuer + "/"),
    "iss in another case": lambda signer: signer.token(iss=signer.issuer.upper()),
    "iss a list that holds ours": lambda signer: signer.token(iss=[signer.issuer]),
    **{f"aud {value!r}": claims(aud=value) for value in OTHER_AUDIENCES},
    "aud a part of ours": lambda signer: signer.token(aud=signer.audience[:-1]),
    "aud that holds ours": lambda signer: signer.token(aud=signer.audience + ",https://other.example"),
    "aud an object with ours": lambda signer: signer.token(aud={signer.audience: True}),
    "aud a list with ours and a number": lambda signer: signer.token(aud=[signer.audience, 7]),
    "aud a list in a list": lambda signer: signer.token(aud=[[signer.audience]]),
    "sub with an escaped lone surrogate": payload(lambda t: t.replace(b'"alice"', b'"\\ud800"')),
    "sub twice": member("sub", '"bob"'),
    "exp twice, once escaped": member("e\\u0078p", "1"),
    "a member twice, deeper": member("x", '[{"y":{"a":1,"a":1}}]'),
}

ENCODING: dict[str, Forge] = {
    **{f"{encoding} payload": recoded(encoding) for encoding in ("utf-16", "utf-16-le", "utf-32-be", "utf-8-sig")},
    "Latin-1 payload": payload(lambda t: t[:-1] + b',"x":"\xe9"}'),
    "overlong UTF-8": payload(lambda t: t[:-1] + b',"x":"\xc0\xaf"}'),
    "a surrogate in UTF-8": payload(lambda t: t[:-1] + b',"x":"\xed\xa0\x80"}'),
    "a control character in a string": member("x", '"\x01"'),
    "NUL behind the object": behind(b"\0"),
    "two objects": behind(b"{}"),
    "a comment": behind(b"/* canary */"),
    "a trailing comma": payload(lambda t: t[:-1] + b",}"),
    "single quotes": payload(lambda t: t.replace(b'"', b"'")),
    "a list": payload(lambda t: b"[" + t + b"]"),
    "a string": payload(lambda t: dump(t.decode())),
    **{f"{value} for a payload": instead(value.encode()) for value in ("null", "1", "{}", "[]", "")},
    "2,900 deep": instead(b"[" * 2900),
    "an endless number": instead(b'{"exp":' + b"9" * 2900 + b"}"),
    "GHSA-hxm8-2xgr-2p9m padded header": segments(lambda h, p: f"{h}{'=' * (-len(h) % 4) or '='}.{p}"),
    "padded payload": segments(lambda h, p: f"{h}.{p}{'=' * (-len(p) % 4) or '='}"),
    "padded signature": text(lambda t: t + "=="),
    "unused bits in the signature": text(lambda t: t[:-1] + chr(ord(t[-1]) + 1)),
    **{f"unused bits in a payload of {size} more": unused_bits(size) for size in range(3)},
    "a plus": segments(lambda h, p: f"{h}.{p}+"),
    "a line break within": segments(lambda h, p: f"{h}\n.{p}"),
    "a line break behind": text(lambda t: t + "\n"),
    "a space before": text(lambda t: " " + t),
    "a zero-width space": text(lambda t: t + "\u200b"),
    "full-width letters": text(lambda t: "\uff45" + t[1:]),
    "a lone surrogate": text(lambda t: t + "\ud800"),
    "percent encoding": text(lambda t: t.replace(".", "%2E")),
}

STRUCTURE: dict[str, Forge] = {
    "nothing": text(lambda _: ""),
    "dots": text(lambda _: ".."),
    "one segment": text(lambda t: t.split(".")[0]),
    "two segments": text(lambda t: t.rpartition(".")[0]),
    "an empty signature": text(lambda t: t.rpartition(".")[0] + "."),
    "an empty header": text(lambda t: "." + t.partition(".")[2]),
    "an empty payload": text(lambda t: "{0}..{2}".format(*t.split("."))),
    "four segments": text(lambda t: t + ".AAAA"),
    "CVE-2023-51774 five segments": text(lambda t: t + ".AAAA.AAAA"),
    "two tokens with a comma": text(lambda t: f"{t},{t}"),
    "the scheme twice": text(lambda t: f"Bearer {t}"),
    "JSON serialisation": text(
        lambda t: json.dumps(dict(zip(("protected", "payload", "signature"), t.split("."), strict=True)))
    ),
    "a token in a token": lambda signer: signer.sign(dump(signer.header(cty="JWT")), signer.token().encode()),
    "longer than 4 KiB": claims(image="x" * 3000),
    "a megabyte": text(lambda t: t + "A" * 1_000_000),
}

BEFORE_THE_KEY = {
    "algorithm": ALGORITHM,
    "header": HEADER,
    "claims": CLAIMS,
    "encoding": ENCODING,
    "structure": STRUCTURE,
}


RULES = frozenset({"alg", "kid", "typ", "exp", "iat", "nbf", "sub", "iss", "aud"})


@pytest.mark.parametrize(
    ("name", "forge"),
    [
        pytest.param(name, forge, id=f"{family}: {name}")
        for family, table in BEFORE_THE_KEY.items()
        for name, forge in table.items()
    ],
)
def test_it_is_refused_without_a_request_to_the_issuer(issuer: JwksServer, name: str, forge: Forge) -> None:
    signer = issuer.signer()
    reason = refuse(issuer, signer, forge(signer))
    assert issuer.requests == []
    rule = next((word for word in name.removeprefix("CVE-2024-53861 ").split()[:1] if word in RULES), "")
    assert reason.startswith(rule) or "not strict JSON" in reason
