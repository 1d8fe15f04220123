"""Part *cost*: dollars per million requests and per idle month, of what `warm` and `cold` measured, by named prices."""

from dataclasses import dataclass
from statistics import mean, median

from tests.bench.laboratory import Laboratory
from tests.bench.requests import COMMON
from tests.bench.samples import COLD_SHARE
from tests.bench.section import Chart, Progress, Section, Table
from tests.bench.trips import SUBJECTS

AWAY = 1.0
MEMORY = 512
"""MB, as in serverless.yml."""
ONE_CPU = 1769
"""MB of memory with which Lambda gives a whole vCPU; less memory is that much less of one."""
MEMORIES = (128, 256, 512, 1024, ONE_CPU)
HOURS = 730
"""In a month."""
WAKES, AWAKE = HOURS, 5 / 60
"""Times that the hourly job wakes the database in a month, and the hours until it sleeps again."""
SMALLEST = 0.25
"""Neon's least compute, in CU."""
STORED = 1.0
"""GB in the database."""
PLATFORM_LINES, ACCESS_LINE = 340, 130
"""Bytes that Lambda logs of each request (START, END, REPORT) and API Gateway, in the form of serverless.yml."""
ANSWER = 1.0
"""KB through the load balancer with each request."""
CONTAINER = (0.25, 0.5)
"""vCPU and GB of the always-on container."""
ADDRESSES = 3
"""Public IPv4 addresses: two of the load balancer, which needs two zones, and the container's own."""


@dataclass(frozen=True, slots=True)
class _Price:
    """Dollars for one `unit`, and where and when that was read."""

    dollars: float
    unit: str
    read: str


PRICES = {
    "Lambda, arm64": _Price(0.0000133334, "GB-second, start included", "AWS Lambda price list, 2026-05-11"),
    "Lambda, requests": _Price(0.20, "million", "AWS Lambda price list, 2026-09-20"),
    "API Gateway, HTTP API": _Price(1.00, "million, of the first 300", "AWS API Gateway price list, 2026-01"),
    "CloudWatch Logs": _Price(0.50, "GB taken in", "AWS CloudWatch price list, 2026-01"),
    "Neon compute": _Price(0.106, "CU-hour, Launch", "Neon's plans, 2026-11-12"),
    "Neon storage": _Price(0.35, "GB-month", "Neon's plans, 2026-11-12"),
    "Fargate, arm64, CPU": _Price(0.03238, "vCPU-hour", "AWS Fargate price list, 2026-03"),
    "Fargate, arm64, memory": _Price(0.00356, "GB-hour", "AWS Fargate price list, 2026-03"),
    "Application Load Balancer": _Price(0.0225, "hour", "AWS Elastic Load Balancing price list, 2026-09-20"),
    "its capacity": _Price(0.008, "LCU-hour, of 1 GB", "AWS Elastic Load Balancing price list, 2026-09-20"),
    "public IPv4 address": _Price(0.005, "hour", "AWS VPC price list, 2026-03"),
}
TEXT = """Prices of us-east-1, without free tiers, savings plans and data transfer to callers, which costs both sides
the same. A request is the mean of the operations that every subject has, with the database {away:g} ms away; of all,
{share:.0%} are cold. At {memory} MB Lambda gives {part:.2f} of a vCPU, so what was CPU time here counts {factor:.1f}
times and what was waiting once; the import counts as measured (a start is given more), and is billed. The CPU of this
machine stands in for Lambda's."""


def run(laboratory: Laboratory, progress: Progress) -> Section:
    progress(0, "weighing a log line")
    line = _log_line(laboratory)
    bills = {subject: _million(laboratory, subject, MEMORY, line) for subject in SUBJECTS}
    ours = sum(bills["ours"].values())
    fixed, each = _container(line)
    break_even = fixed / (ours - each)
    figures = {
        "dollars per million": {subject: {k: round(v, 4) for k, v in bill.items()} for subject, bill in bills.items()},
        "container per month": round(fixed, 2),
        "break-even, million a month": round(break_even, 1),
    }
    return Section(
        "Cost",
        TEXT.format(away=AWAY, share=COLD_SHARE, memory=MEMORY, part=MEMORY / ONE_CPU, factor=ONE_CPU / MEMORY),
        [_bills(bills), _memories(laboratory, line), _months(ours, fixed, each, break_even), _prices()],
        [_chart(ours, fixed, each)],
        figures=figures,
    )


def _log_line(laboratory: Laboratory) -> float:
    """Bytes that one of our requests logs, the platform's own lines included."""
    file, number = laboratory.folder / "line", 10
    with laboratory.start("ours", BENCH_LOG=str(file)) as process:
        process.ask("many", row="create", task_ids=[""] * number)
    return file.stat().st_size / number + PLATFORM_LINES + ACCESS_LINE


def _duration(laboratory: Laboratory, subject: str, memory: int) -> float:
    """Milliseconds that a request is billed for, on the whole."""
    factor = max(1.0, ONE_CPU / memory)
    found = [laboratory.warm[AWAY, row, subject] for row in COMMON]
    busy = mean(median(samples.cpu) for samples in found)
    whole = mean(mean(samples.all) for samples in found)
    warm = max(0.0, whole - busy) + busy * factor + 0.5  # billed by the millisecond, rounded up
    start = laboratory.cold[subject]["create"]
    first = mean(start.answers) - mean(start.imports)
    return (1 - COLD_SHARE) * warm + COLD_SHARE * (mean(start.imports) + first * factor)


def _million(laboratory: Laboratory, subject: str, memory: int, line: float) -> dict[str, float]:
    return {
        "Lambda, arm64": memory / 1024 * _duration(laboratory, subject, memory) * 1000 * _dollars("Lambda, arm64"),
        "Lambda, requests": _dollars("Lambda, requests"),
        "API Gateway, HTTP API": _dollars("API Gateway, HTTP API"),
        "CloudWatch Logs": line / 1000 * _dollars("CloudWatch Logs"),
    }


def _container(line: float) -> tuple[float, float]:
    """Dollars of a month of the container, and of a million requests to it."""
    cpu, memory = CONTAINER
    hour = cpu * _dollars("Fargate, arm64, CPU") + memory * _dollars("Fargate, arm64, memory")
    hour += _dollars("Application Load Balancer") + ADDRESSES * _dollars("public IPv4 address")
    million = (line - PLATFORM_LINES) / 1000 * _dollars("CloudWatch Logs") + ANSWER * _dollars("its capacity")
    return hour * HOURS, million


def _neon(hours: float) -> float:
    return hours * SMALLEST * _dollars("Neon compute") + STORED * _dollars("Neon storage")


def _dollars(name: str) -> float:
    return PRICES[name].dollars


def _bills(bills: dict[str, dict[str, float]]) -> Table:
    rows = [(name, *(f"{bill[name]:.3f}" for bill in bills.values())) for name in next(iter(bills.values()))]
    rows.append(("together", *(f"{sum(bill.values()):.3f}" for bill in bills.values())))
    note = "Every subject with our log line. The database is not in it: see the months."
    return Table("Dollars for a million requests", ("", *bills), rows, note)


def _memories(laboratory: Laboratory, line: float) -> Table:
    rows = []
    for memory in MEMORIES:
        bill = _million(laboratory, "ours", memory, line)
        duration = _duration(laboratory, "ours", memory)
        rows.append((f"{memory} MB", f"{duration:.1f}", f"{bill['Lambda, arm64']:.3f}", f"{sum(bill.values()):.3f}"))
    head = ("ours with", "billed ms", "Lambda, arm64", "together")
    return Table("Dollars for a million requests, by the memory that is set", head, rows)


def _months(ours: float, fixed: float, each: float, break_even: float) -> Table:
    idle, busy = _neon(WAKES * AWAKE), _neon(HOURS)
    rows = [
        ("idle: nobody calls", f"{idle:.2f}", f"{fixed + idle:.2f}"),
        *(
            (f"{number:g} million requests", f"{number * ours + busy:.2f}", f"{number * each + fixed + busy:.2f}")
            for number in (0.1, 1, 10, 100)
        ),
        (f"break-even: {break_even:.1f} million requests", *[f"{break_even * ours + busy:.2f}"] * 2),
    ]
    cpu, memory = CONTAINER
    note = (
        f"Container: one of {cpu:g} vCPU and {memory:g} GB on Fargate, always on, behind a load balancer with two "
        f"addresses, and an address of its own. Both with Neon at {SMALLEST:g} CU and {STORED:g} GB: idle, it wakes "
        f"once an hour for {AWAKE * 60:.0f} minutes, for the job that deletes expired keys; else it never sleeps."
    )
    return Table("Dollars a month", ("", "Lambda", "one container"), rows, note)


def _prices() -> Table:
    rows = [(name, f"${price.dollars:.10f}".rstrip("0"), price.unit, price.read) for name, price in PRICES.items()]
    return Table("Prices", ("", "price", "for a", "read"), rows)


def _chart(ours: float, fixed: float, each: float) -> Chart:
    numbers = [1.0, 3.0, 10.0, 20.0, 30.0, 50.0, 100.0]
    busy = _neon(HOURS)
    series: dict[str, list[float | None]] = {
        "Lambda": [round(number * ours + busy, 2) for number in numbers],
        "one container": [round(number * each + fixed + busy, 2) for number in numbers],
    }
    labels = [f"{number:g} million" for number in numbers]
    return Chart("cost", "A month, by its requests", labels, series, "lines", unit="dollars")
