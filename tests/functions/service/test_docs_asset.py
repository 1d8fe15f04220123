"""GET /docs/{asset} gives the files on its list, each in the form the caller takes, and nothing else."""

import json
from importlib.resources import files

import httpx
import pytest

from functions.service.docs_asset import ASSETS
from tests.support.api_gateway import invoke, make_event
from tests.support.collect_failures import for_each

PATH = "/docs/swagger-ui-bundle.js"
LARGEST = 6 * 1024 * 1024  # what a Lambda function may answer


@for_each("coding", ["identity", "gzip"])
@for_each("asset", ASSETS)
def test_every_file_arrives_whole(anonymous_api: httpx.Client, asset: str, coding: str) -> None:
    package, path, media_type = ASSETS[asset]
    answer = anonymous_api.get(f"/docs/{asset}", headers={"Accept-Encoding": coding})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].split(";")[0] == media_type
    assert answer.headers.get("Content-Encoding", "identity") == coding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    assert answer.content == files(package).joinpath(path).read_bytes()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_the_largest_file_fits_into_the_answer_of_a_function(coding: str) -> None:
    answer = invoke("service_docs_asset", make_event("GET", PATH, headers=[("accept-encoding", coding)]))

    assert answer["statusCode"] == 200
    assert len(json.dumps(answer)) < LARGEST


@for_each(
    "asset",
    [
        "problems.py",
        "page.html",
        "..%2Fopenapi.json",
        "%2e%2e%2fopenapi.json",
        "..%5Copenapi.json",
        "%2Fetc%2Fpasswd",
        "PAGE.CSS",
        "page.css%00",
        "page.css%2F",
        "page.css/",
        "",
    ],
)
def test_no_other_name_reaches_the_disk(anonymous_api: httpx.Client, asset: str) -> None:
    answer = anonymous_api.get(f"/docs/{asset}")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("coding", ["gzip;q=0", "gzip; q=0.000, br", "br", "*;q=0"])
def test_it_is_plain_for_callers_that_refuse_gzip(anonymous_api: httpx.Client, coding: str) -> None:
    assert "Content-Encoding" not in anonymous_api.get(PATH, headers={"Accept-Encoding": coding}).headers


@pytest.mark.parametrize("coding", ["GZIP", "br, gzip;q=0.5", "gzip;q=1.0, *;q=0"])
def test_it_is_compressed_for_callers_that_take_gzip(anonymous_api: httpx.Client, coding: str) -> None:
    assert anonymous_api.get(PATH, headers={"Accept-Encoding": coding}).headers["Content-Encoding"] == "gzip"


def test_plain_and_compressed_have_tags_of_their_own(anonymous_api: httpx.Client) -> None:
    plain = anonymous_api.get(PATH, headers={"Accept-Encoding": "identity"}).headers["ETag"]
    answer = anonymous_api.get(PATH, headers={"Accept-Encoding": "gzip", "If-None-Match": plain})

    assert answer.status_code == 200
    assert answer.headers["ETag"] != plain


@pytest.mark.parametrize("held", ["{tag}", "W/{tag}", '"other", {tag}', "*"])
def test_a_caller_that_holds_the_file_gets_304(anonymous_api: httpx.Client, held: str) -> None:
    tag = anonymous_api.get(PATH).headers["ETag"]

    answer = anonymous_api.get(PATH, headers={"If-None-Match": held.format(tag=tag)})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == tag
    assert answer.headers["Cache-Control"] == "public, max-age=86400"


@pytest.mark.parametrize("held", ['"other"', "junk", ""])
def test_any_other_tag_gets_the_file(anonymous_api: httpx.Client, held: str) -> None:
    assert anonymous_api.get(PATH, headers={"If-None-Match": held}).status_code == 200
