"""No credential is in what is deployed, or in what deploys it: archives, templates, workflows."""

import re
from zipfile import ZipFile

from infra.operations import ROOT
from tests.support.generated_templates import Generated
from tests.support.packaged import Packaged

CREDENTIALS = {
    "a private key": rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/]{20}",
    "a key of AWS": rb"\bA(?:KIA|SIA)[0-9A-Z]{16}\b",
    "a token": rb"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}",
    "a key of Neon": rb"\bnapi_[a-z0-9]{20,}",
    "a password in a URL": rb"\bpostgres(?:ql)?://[\w.%-]+:[\w.%-]+@",
}
DEPLOYING = [
    ROOT / "serverless.yml",
    ROOT / "samconfig.toml",
    *(ROOT / "infra").glob("*.*"),
    *(ROOT / "infra/events").glob("*"),
    *(ROOT / ".github").rglob("*.yml"),
]
OURS = ("functions/", "shared/", "infra/")


def credentials(content: bytes) -> list[str]:
    return [name for name, pattern in CREDENTIALS.items() if re.search(pattern, content)]


def test_what_deploys_holds_none() -> None:
    files = {file: credentials(file.read_bytes()) for file in DEPLOYING}
    assert len(files) > 30
    assert {file: found for file, found in files.items() if found} == {}


def test_an_archive_holds_none(packaged: Packaged) -> None:
    """In what is others', a password in a URL is the example of a docstring."""
    found = []
    for archive in packaged.all():
        with ZipFile(archive) as opened:
            for name in opened.namelist():
                kinds = credentials(opened.read(name))
                found += [
                    f"{archive.name}: {name}: {kind}" for kind in kinds if name.startswith(OURS) or "URL" not in kind
                ]
    assert found == []


def test_a_template_that_is_made_holds_none(osls: Generated, sam: Generated) -> None:
    assert credentials(str(osls.template).encode()) == credentials(str(sam.template).encode()) == []


KINDS = {
    "a private key": "-----BEGIN " + "EC PRIVATE KEY-----\nMHcCAQEEIIGbEPMTXPQkY2hu",
    "a key of AWS": "aws_access_key_id = AKIA" + "IOSFODNN7EXAMPLE",
    "a token": "Bearer eyJhbGciOiJFZERTQSJ9" + ".eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLi4u",
    "a key of Neon": "NEON_API_KEY=napi_" + "0123456789abcdefghij",
    "a password in a URL": "DATABASE_URL=postgresql://api:" + "s3cr%2Ft@db.example.com/app",
}


def test_each_kind_is_found() -> None:
    assert {kind: credentials(text.encode()) for kind, text in KINDS.items()} == {kind: [kind] for kind in CREDENTIALS}
