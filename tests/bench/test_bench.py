import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree as ET

import pytest

from functions.tasks.list import Sort
from infra.operations import ROOT
from tests.bench.relay import Relay
from tests.bench.report import COMMITTED, MARKS, README
from tests.bench.requests import COMMON, OURS, PLAIN, ROWS, Request, event, wrong
from tests.bench.samples import COLD_SHARE, Samples, mixed, percentile
from tests.bench.section import Target
from tests.support.pgbouncer import installed

PARTS = ("warm", "cold", "concurrency", "growth", "cost")
USUAL = {"create": 8, "get": 4, "list": 4, "update": 9, "delete": 5}
"""Round trips of a Session: BEGIN, the scope, the statements, COMMIT, and all of that but COMMIT again to refresh."""
TASK = "0199d3c8-7b1a-7c3e-9f0e-2b5d1c4a6e70"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report: everything once, each answer checked by who asked."""
    folder = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "tests.bench", "--quick", "--folder", str(folder)]
    parts = [word for part in PARTS for word in ("--part", part)]
    done = subprocess.run([*command, *parts], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "Targets" in done.stdout
    return folder


def test_every_subject_costs_the_round_trips_that_it_is_known_for(report: Path) -> None:
    trips = json.loads((report / "figures.json").read_text("utf-8"))["warm"]["trips"]
    assert trips.pop("ours") == dict.fromkeys(["first", *ROWS], 1) | {"update, replayed": 2}
    assert trips.pop("bare") == dict.fromkeys(["first", *COMMON], 1)
    assert trips.pop("powertools") == dict.fromkeys(["first", *COMMON], 4)
    first = trips["usual"].pop("first")
    assert trips == {"usual": USUAL}
    assert first > USUAL["create"]  # SQLAlchemy asks a new connection who it is


def test_the_report_has_every_part_and_says_of_every_target_whether_it_is_met(report: Path) -> None:
    text = (report / "benchmark.md").read_text("utf-8")
    for heading in ("### Targets", *(f"## {part.capitalize()}" for part in PARTS)):
        assert heading in text
    targets = [line for line in text.partition("### Targets")[2].partition("## ")[0].splitlines() if "at " in line]
    assert len(targets) >= 8
    assert all("| met" in line or "| MISSED by " in line for line in targets)
    for row in ROWS:
        assert f"| {row} · ours | " in text
    for row in COMMON:
        assert all(f"| {row} · {peer} | " in text for peer in ("bare", "powertools", "usual"))


def test_growth_measures_every_operation_each_filter_and_each_sort(report: Path) -> None:
    """First page and a deep one; `tests/bench/growth.py` ends the run where a page does not have the items it must."""
    figures = json.loads((report / "figures.json").read_text("utf-8"))["growth"]
    assert set(PLAIN) - {"list"} <= figures["first"].keys()
    sorts = {f"sort={sort}" for sort in get_args(Sort)} - {"sort=-created_at", "sort=relevance"}
    filters = {
        "open",
        "completed",
        "one priority",
        "two priorities",
        *("a list", "the inbox", "without parent"),
        "due from the middle on",
        "due in a week",
        "q=milk",
    }
    for page in ("first", "deep"):
        assert sorts | {"all", "open", "completed", "one priority"} <= figures[page].keys()
    assert filters <= figures["first"].keys()
    assert all(len(times) == 4 for times in figures["first"].values())


@pytest.mark.usefixtures("pooler")
def test_no_environment_of_many_met_an_error(report: Path) -> None:
    figures = json.loads((report / "figures.json").read_text("utf-8"))["concurrency"]
    assert [level["errors"] for levels in figures.values() for level in levels] == [0, 0]


def test_the_picture_holds_every_chart(report: Path) -> None:
    drawn = ET.parse(report / "benchmark.svg").getroot()  # noqa: S314 - we drew it
    titles = [text.text or "" for text in drawn.iter("{http://www.w3.org/2000/svg}text") if text.get("font-weight")]
    pooled = ["Environments"] if installed() else []
    assert [title.partition(" ")[0] for title in titles] == ["Warm", "Cold", *pooled, "Growth:", "A"]


def test_the_readme_shows_what_the_committed_report_says() -> None:
    shown = README.read_text("utf-8").partition(MARKS[0])[2].partition(MARKS[1])[0]
    report = (COMMITTED / "benchmark.md").read_text("utf-8").splitlines()
    rows = [line for line in shown.splitlines() if line.startswith("|")]
    assert len(rows) > 20
    assert next(line for line in shown.splitlines() if line) in report, "the machine that it was measured on"
    assert [row for row in rows if row not in report] == []
    missed = [line for line in report if line.startswith("|") and "| MISSED by " in line]
    assert [row for row in missed if row not in rows] == []
    assert (COMMITTED / "benchmark.svg").exists()


GOOD: dict[str, Any] = {"id": TASK, "title": "", "completed_at": None}
WRONG: list[tuple[Request, int, dict[str, Any]]] = [
    (COMMON["get"], 404, GOOD),
    (COMMON["get"], 200, GOOD | {"id": "another"}),
    (COMMON["get"], 200, {}),
    (COMMON["list"], 200, {"items": [GOOD]}),
    (COMMON["update"], 200, GOOD | {"title": "another"}),
    (OURS["complete"], 200, GOOD),
    (OURS["reopen"], 200, GOOD | {"completed_at": "2026-01-01T00:00:00Z"}),
    (OURS["update, replayed"], 200, GOOD),
]


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_TOKEN", "t")


@pytest.mark.usefixtures("token")
def test_an_answer_that_is_not_as_it_must_be_is_no_measurement() -> None:
    for request, status, body in WRONG:
        sent = event(request, TASK)
        title = json.loads(sent["body"])["title"] if body.get("title") == "" and request.title else ""
        answer = body | ({"title": title} if title else {})
        complaint = wrong(request, TASK, sent, {"statusCode": status, "headers": {}, "body": json.dumps(answer)})
        assert complaint, (request, status, body)


@pytest.mark.usefixtures("token")
def test_an_answer_that_is_as_it_must_be_is_let_pass() -> None:
    assert not wrong(COMMON["get"], TASK, event(COMMON["get"], TASK), {"statusCode": 200, "body": json.dumps(GOOD)})
    assert not wrong(COMMON["delete"], TASK, event(COMMON["delete"], TASK), {"statusCode": 204})


def test_a_mixture_is_weighed_by_the_share_of_cold_starts() -> None:
    warm, cold = [1.0] * 50 + [2.0] * 50, [900.0, 1000.0]
    assert [mixed(warm, cold, share) for share in (0.4, 0.95, 0.992, 0.999)] == [1.0, 2.0, 900.0, 1000.0]
    assert mixed(warm, cold, 1 - COLD_SHARE) == 2.0


def test_a_ratio_is_taken_round_by_round() -> None:
    ours, theirs = Samples(), Samples()
    for slow in (1, 10, 100):  # a machine that slows down slows both
        ours.add([3.0 * slow] * 3, 0)
        theirs.add([2.0 * slow] * 3, 0)
    assert ours.ratio(theirs) == (1.5, 1.5, 1.5)
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5


def test_a_target_says_by_how_much_it_is_met_or_missed() -> None:
    at_most, at_least = [(1.2, 1.0), (0.9, 1.0), (2, 0), (0, 0)], [(5, 4), (3, 4)]
    verdicts = ["MISSED by 20%", "met by 10%", "MISSED by 2", "met"]
    assert [Target("", figure, bound).verdict for figure, bound in at_most] == verdicts
    verdicts = ["met by 25%", "MISSED by 25%"]
    assert [Target("", figure, bound, at_least=True).verdict for figure, bound in at_least] == verdicts


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that sends back what it gets, for one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(65536):
                    connection.sendall(data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_relay_hands_everything_on_in_order_however_late(echo: int) -> None:
    sent = b"".join(number.to_bytes(4) for number in range(250_000))
    with Relay(echo, 0.002) as relay, socket.create_connection(("127.0.0.1", relay.port)) as client:
        writer = threading.Thread(target=client.sendall, args=(sent,))
        writer.start()
        got = _read(client, len(sent))
        writer.join()
    assert got == sent


def _read(client: socket.socket, length: int) -> bytes:
    got = b""
    while len(got) < length and (data := client.recv(65536)):
        got += data
    return got
