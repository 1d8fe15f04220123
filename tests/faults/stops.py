"""How a server ends."""

import os
import signal

from infra.local.postgres import Cluster
from tests.faults.invariants import eventually


def stop_fast(cluster: Cluster) -> None:
    """Shut the server down as `pg_ctl -m fast` does: what is open is rolled back, and each backend says why it ends."""
    lock = cluster.home / "data" / "postmaster.pid"
    os.kill(int(lock.read_text("ascii").splitlines()[0]), signal.SIGINT)
    eventually(lambda: not lock.exists(), "the server has ended")
    cluster.stop()
