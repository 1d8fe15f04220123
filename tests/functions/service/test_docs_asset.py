"""GET /docs/{asset} gives the files on its list, each in the form the caller takes, and nothing else."""

import json
from importlib.resources import files

import pytest

from functions.service.docs_asset import ASSETS, handler
from tests.functions.service.events import call, content

NAME = "service_docs_asset"
LARGEST = 6 * 1024 * 1024  # what a Lambda function may answer


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize("asset", ASSETS)
def test_every_file_arrives_whole(asset: str, coding: str) -> None:
    package, path, media_type = ASSETS[asset]
    answer = call(handler, NAME, f"/docs/{asset}", accept_encoding=coding)

    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"].split(";")[0] == media_type
    assert answer["headers"].get("content-encoding", "identity") == coding
    assert answer["headers"]["vary"] == "Accept-Encoding"
    assert answer["headers"]["cache-control"] == "public, max-age=86400"
    assert content(answer) == files(package).joinpath(path).read_bytes()
    assert len(json.dumps(answer)) < LARGEST


@pytest.mark.parametrize(
    "asset",
    [
        "problems.py",
        "page.html",
        "..",
        "../openapi.json",
        "..%2Fopenapi.json",
        "%2e%2e%2fopenapi.json",
        "/etc/passwd",
        "PAGE.CSS",
        "page.css/",
        "page.css%00",
        "",
    ],
)
def test_no_other_name_reaches_the_disk(asset: str) -> None:
    answer = call(handler, NAME, f"/docs/{asset}")

    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["headers"]["cache-control"] == "no-store"


@pytest.mark.parametrize("coding", ["gzip;q=0", "gzip; q=0.000, br", "br", "*;q=0"])
def test_it_is_not_compressed_for_callers_that_refuse_it(coding: str) -> None:
    assert "content-encoding" not in call(handler, NAME, accept_encoding=coding)["headers"]


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br, gzip;q=0.5", "gzip;q=1.0, *;q=0"])
def test_it_is_compressed_for_callers_that_take_it(coding: str) -> None:
    assert call(handler, NAME, accept_encoding=coding)["headers"]["content-encoding"] == "gzip"


def test_plain_and_compressed_have_tags_of_their_own() -> None:
    plain = call(handler, NAME)["headers"]["etag"]
    packed = call(handler, NAME, accept_encoding="gzip")["headers"]["etag"]

    assert plain != packed
    assert call(handler, NAME, accept_encoding="gzip", if_none_match=plain)["statusCode"] == 200


@pytest.mark.parametrize("held", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_a_caller_that_holds_the_file_gets_304(held: str) -> None:
    tag = call(handler, NAME)["headers"]["etag"]

    answer = call(handler, NAME, if_none_match=held.format(tag=tag))

    assert (answer["statusCode"], answer["body"]) == (304, "")
    assert answer["headers"]["etag"] == tag
    assert answer["headers"]["cache-control"] == "public, max-age=86400"


@pytest.mark.parametrize("held", ['"other"', "junk", ""])
def test_any_other_tag_gets_the_file(held: str) -> None:
    assert call(handler, NAME, if_none_match=held)["statusCode"] == 200
