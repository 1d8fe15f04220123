"""GET /docs gives a page that runs nothing but files of ours, and calls nobody else."""

import re

import httpx

from functions.service.docs_asset import ASSETS


def test_it_is_a_page_for_every_screen(anonymous_api: httpx.Client) -> None:
    answer = anonymous_api.get("/docs")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in answer.text


def test_it_is_asked_for_again_each_time(anonymous_api: httpx.Client) -> None:
    answer = anonymous_api.get("/docs")

    assert answer.headers["Cache-Control"] == "no-cache"
    assert anonymous_api.get("/docs", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


def test_it_loads_nothing_but_the_assets(anonymous_api: httpx.Client) -> None:
    loaded = set(re.findall(r'(?:src|<link[^>]* href)="([^"]*)"', anonymous_api.get("/docs").text))

    assert loaded == {f"docs/{asset}" for asset in ASSETS}


def test_its_policy_forbids_other_hosts_and_inline_code(anonymous_api: httpx.Client) -> None:
    policy = anonymous_api.get("/docs").headers["Content-Security-Policy"]

    assert {name: sources for name, _, sources in (part.partition(" ") for part in policy.split("; "))} == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
