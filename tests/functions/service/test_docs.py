"""GET /docs gives a page that runs nothing but files of ours, and calls nobody else."""

import re

from functions.service.docs import handler
from functions.service.docs_asset import ASSETS
from tests.functions.service.events import call, content


def policy() -> dict[str, str]:
    directives = call(handler, "service_docs")["headers"]["content-security-policy"].split("; ")
    return {name: sources for name, _, sources in (directive.partition(" ") for directive in directives)}


def test_it_is_a_page_for_every_screen() -> None:
    answer = call(handler, "service_docs")

    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    assert b'<meta name="viewport" content="width=device-width, initial-scale=1">' in content(answer)


def test_it_is_asked_for_again_each_time() -> None:
    answer = call(handler, "service_docs")

    assert answer["headers"]["cache-control"] == "no-cache"
    assert call(handler, "service_docs", if_none_match=answer["headers"]["etag"])["statusCode"] == 304


def test_it_loads_nothing_but_the_assets() -> None:
    page = content(call(handler, "service_docs")).decode()
    loaded = set(re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', page))

    assert loaded == {f"docs/{asset}" for asset in ASSETS}


def test_its_policy_forbids_other_hosts_and_inline_code() -> None:
    assert policy() == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
