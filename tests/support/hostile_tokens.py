"""The table of hostile tokens, by family: most are signed with a genuine key, so it is the rule that refuses them.

`AT_ONCE` holds those that no key could save, `BY_KEY` those that the issuer's key, or its not being there, refuses.
The names of known holes are given where their way in is tried; `test_token_advisories.py` keeps the list of them.
"""

import json
import time
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.forged_tokens import (
    Forge,
    behind,
    claims,
    embedded,
    exp_spelt,
    header,
    hmac_with,
    instead,
    member,
    payload,
    public,
    raw_header,
    recoded,
    segments,
    text,
    timed,
    unused_bits,
)
from tests.support.jwks_server import Signer, base64url, dump

ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group behind Ed25519: RFC 8032 section 5.1
ELSEWHERE = "http://127.0.0.1:9/"

ALGORITHM: dict[str, Forge] = {
    **{f"CVE-2015-9235 alg {name!r}": header(alg=name) for name in ("none", "None", "NONE", "nOnE", "none ", "")},
    **{
        f"none and {what}": text(change)
        for what, change in {
            "no signature": lambda t: f"{base64url(dump({'alg': 'none'}))}.{t.split('.')[1]}.",
            "two segments": lambda t: f"{base64url(dump({'alg': 'none'}))}.{t.split('.')[1]}",
            "a signature": lambda t: f"{base64url(dump({'alg': 'none'}))}.{t.split('.')[1]}.AAAA",
        }.items()
    },
    **{
        f"RFC 8725 3.1 alg {name!r}": header(alg=name) for name in ("eddsa", "EDDSA", " EdDSA", "EdDSA\0", "EdDSA,none")
    },
    **{f"alg {name}": header(alg=name) for name in ("Ed25519", "Ed448", "ES256", "ES256K", "RS256", "PS256", "HS256")},
    **{f"alg {name} of a JWE": header(alg=name, p2c=2**31) for name in ("dir", "RSA1_5", "PBES2-HS256+A128KW")},
    **{f"alg {value!r}": header(alg=value) for value in (None, 0, True, ["EdDSA"], {"EdDSA": 1})},
    "alg missing": header(alg=...),
    "alg a part of an allowed one": header(alg="EdDS"),
}


def pem(change: Callable[[bytes], bytes]) -> Callable[[Signer], bytes]:
    return lambda signer: change(public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)(signer))


CONFUSION: dict[str, Forge] = {
    name: hmac_with(secret)
    for name, secret in {
        "CVE-2017-11424 PEM as the secret": pem(bytes),
        "CVE-2016-7036 PEM without its last line break": pem(bytes.strip),
        "CVE-2026-102268 GHSA-ffc3-869f-jxw9 PEM with other line breaks": pem(lambda t: t.replace(b"\n", b"\r")),
        "CVE-2026-102268 GHSA-ffc3-869f-jxw9 PEM in one line": pem(lambda t: b" ".join(t.splitlines())),
        "CVE-2026-102268 GHSA-ffc3-869f-jxw9 PEM indented": pem(lambda t: t.replace(b"-----END", b"\t-----END")),
        "CVE-2026-114615 PEM behind a prefix": pem(lambda t: b"# key\n" + t),
        "CVE-2022-29217 OpenSSH as the secret": public(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "CVE-2024-33663 OpenSSH with a comment": lambda s: public(Encoding.OpenSSH, PublicFormat.OpenSSH)(s) + b" me",
        "CVE-2026-85394 CVE-2026-102271 GHSA-p4g4-x82p-q773 DER": public(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        ),
        "raw bytes as the secret": public(Encoding.Raw, PublicFormat.Raw),
        "CVE-2026-48526 JWK as the secret": lambda signer: dump(signer.jwk),
        "CVE-2026-48526 JWK with spaces": lambda signer: json.dumps(signer.jwk).encode(),
        "CVE-2026-102272 GHSA-r6x4-923q-g947 JWK behind a byte order mark": lambda s: b"\xef\xbb\xbf" + dump(s.jwk),
        "CVE-2026-102273 GHSA-w2cx-738m-mc7w JWK in its set": lambda signer: dump({"keys": [signer.jwk]}),
        "CVE-2026-102273 GHSA-w2cx-738m-mc7w JWK in lists": lambda signer: dump([[signer.jwk]]),
        "the x of the JWK": lambda signer: signer.jwk["x"].encode(),
        "the kid": lambda signer: signer.kid.encode(),
        "the issuer": lambda signer: signer.issuer.encode(),
        "an empty secret": lambda _: b"",
        "a weak secret": lambda _: b"secret",
    }.items()
} | {f"CVE-2024-37568 PEM as the secret of {alg}": hmac_with(pem(bytes), alg) for alg in ("HS384", "HS512", "hs256")}

HEADER: dict[str, Forge] = {
    "CVE-2018-0114 CVE-2026-27962 jwk, signed by it": embedded,
    "jku beside a genuine signature": header(jku=ELSEWHERE + "jwks"),
    "jku of a file": header(jku="file:///etc/hosts"),
    "x5u": header(x5u=ELSEWHERE + "cert"),
    "x5c": header(x5c=["MIIB"]),
    "CVE-2026-32597 crit unknown": header(crit=["canary"], canary=1),
    "CVE-2025-59420 crit empty": header(crit=[]),
    "python-jose #413 crit a string": header(crit="b64"),
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
    "GHSA-8wjv-2p76-3863 2,900 deep": raw_header(b'{"alg":"EdDSA","kid":"KID","x":' + b"[" * 2900),
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
    "CVE-2024-53861 iss a suffix": lambda signer: signer.token(iss=signer.issuer[1:]),
    "CVE-2024-53861 iss from within": lambda signer: signer.token(iss=signer.issuer[3:-3]),
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
    "GHSA-8wjv-2p76-3863 2,900 deep": instead(b"[" * 2900),
    "an endless number": instead(b'{"exp":' + b"9" * 2900 + b"}"),
    "padded header": segments(lambda h, p: f"{h}{'=' * (-len(h) % 4) or '='}.{p}"),
    "padded payload": segments(lambda h, p: f"{h}.{p}{'=' * (-len(p) % 4) or '='}"),
    "GHSA-hxm8-2xgr-2p9m padded signature": text(lambda t: t + "=="),
    "GHSA-hxm8-2xgr-2p9m unused bits in the signature": text(lambda t: t[:-1] + chr(ord(t[-1]) + 1)),
    **{f"unused bits in a payload of {size} more": unused_bits(size) for size in range(3)},
    "a plus": segments(lambda h, p: f"{h}.{p}+"),
    "a line break within": segments(lambda h, p: f"{h}\n.{p}"),
    "a line break behind": text(lambda t: t + "\n"),
    "a space before": text(lambda t: " " + t),
    "a zero-width space": text(lambda t: t + "\u200b"),
    "full-width letters": text(lambda t: "\uff45" + t[1:]),
    "a lone surrogate": text(lambda t: t + "\ud800"),
    "percent encoding": text(lambda t: t.replace(".", "%2E")),
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


def signed(change: Callable[[bytes], bytes]) -> Forge:
    """A good token whose signature is another."""

    def forge(signer: Signer) -> str:
        signing_input = signer.token().rpartition(".")[0]
        return f"{signing_input}.{base64url(change(signer.signature(signing_input)))}"

    return forge


def malleable(signature: bytes) -> bytes:
    """S + L is the same number modulo L; RFC 8032 section 5.1.7 has it refused."""
    return signature[:32] + (int.from_bytes(signature[32:], "little") + ORDER).to_bytes(32, "little")


def stranger(signer: Signer) -> str:
    """A key of the attacker's own under the issuer's kid."""
    return Signer(signer.issuer).token(header={"kid": signer.kid})


def swapped(part: int) -> Forge:
    """A segment of another good token of the same key."""

    def forge(signer: Signer) -> str:
        mine, other = signer.token("alice").split("."), signer.token("mallory", header={"typ": "JWT"}).split(".")
        mine[part] = other[part]
        return ".".join(mine)

    return forge


SIGNATURE: dict[str, Forge] = {
    "Wycheproof S + L": signed(malleable),
    **{f"cut to {length}": signed(itemgetter(slice(length))) for length in (1, 32, 62, 63)},
    "a byte longer": signed(lambda s: s + b"\0"),
    "a byte before": signed(lambda s: b"\0" + s),
    "twice": signed(lambda s: s + s),
    "zeros": signed(lambda s: bytes(len(s))),
    "ones": signed(lambda s: b"\xff" * len(s)),
    "R zero": signed(lambda s: bytes(32) + s[32:]),
    "R of small order": signed(lambda s: b"\1" + bytes(31) + s[32:]),
    "S zero": signed(lambda s: s[:32] + bytes(32)),
    "R and S exchanged": signed(lambda s: s[32:] + s[:32]),
    "by a stranger": stranger,
    "CVE-2022-21449 zero, of one byte": signed(lambda _: b"\0"),
    "another token's header": swapped(0),
    "another token's payload": swapped(1),
    "another token's signature": swapped(2),
}

KIDS = [
    *("../../../dev/null", "/proc/sys/kernel/random/boot_id", "file:///etc/hosts", ELSEWHERE, ELSEWHERE + "jwks"),
    *("' or '1'='1", "x' union select 'secret", "| sleep 9", "$(id)", "{{7*7}}", "__proto__", "*", " ", "0", "k" * 255),
]
NAMES: dict[str, Forge] = {f"kid {kid!r}": header(kid=kid) for kid in KIDS}

AT_ONCE = {
    "algorithm": ALGORITHM,
    "key confusion": CONFUSION,
    "header": HEADER,
    "claims": CLAIMS,
    "encoding": ENCODING,
}
BY_KEY = {
    "signature": SIGNATURE,
    "header": NAMES,
    "claims": {"jti a number": claims(jti=7)},
}
