"""How many round trips to the database each request costs, counted at a proxy that reads PostgreSQL's messages."""

from tests.bench.laboratory import Laboratory
from tests.bench.requests import COMMON, OURS, ROWS
from tests.support.postgres_proxy import Proxy

SUBJECTS = ("ours", "bare", "powertools", "usual")
BEFORE = {row: 1 for row, request in OURS.items() if request.replay}
"""Round trips that are not the row's: of the request that is then replayed."""

type Trips = dict[str, dict[str, int]]


def rows_of(subject: str) -> list[str]:
    return list(ROWS if subject == "ours" else COMMON)


def count(laboratory: Laboratory) -> Trips:
    """The round trips of every row, by subject, on a connection that is open; `first`: of the very first request."""
    trips: Trips = {}
    for subject in SUBJECTS:
        with (
            Proxy(laboratory.port) as proxy,
            laboratory.start(subject, DATABASE_URL=laboratory.url(proxy.port)) as process,
        ):
            process.ask("first", row="create", task_id="")
            trips[subject] = {"first": len(proxy.trips)}
            for row in rows_of(subject):
                proxy.trips.clear()
                process.ask("many", row=row, task_ids=laboratory.take(ROWS[row], 1))
                trips[subject][row] = len(proxy.trips) - BEFORE.get(row, 0)
    return trips
