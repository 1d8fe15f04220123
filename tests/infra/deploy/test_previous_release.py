"""Functions of the release before answer on the schema of this one: while traffic shifts, and where it goes back."""

import subprocess
import sys
from pathlib import Path

from infra.local.postgres import ROOT, throwaway
from tests.infra.test_migrate import environment
from tests.infra.test_migrate_options import plant
from tests.mutants.planting import planted
from tests.support.previous_release import before_the_newest_migration, failures, unpack
from tests.support.stack import Stack

VARIABLES = ("DATABASE_URL", "DATABASE_URL_JOBS", "AUTH_ISSUER")


def test_the_previous_releases_functions_answer_on_the_new_schema(stack: Stack, tmp_path: Path) -> None:
    release = unpack(ROOT, before_the_newest_migration(ROOT), tmp_path)
    env = {name: stack.environment[name] for name in VARIABLES}
    assert failures(release, env, stack.user().token) == []


def commit(root: Path, what: str) -> str:
    """Commit everything; give the commit."""
    git = ["git", "-C", str(root), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--no-gpg-sign", "--message", what], check=True)
    return subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()


def test_a_migration_that_does_not_only_add_is_caught(stack: Stack, tmp_path: Path) -> None:
    with planted() as root, throwaway() as cluster:
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        env = environment(cluster, DATABASE_URL_JOBS=cluster.url("jobs"))
        known = {name: env.get(name) or stack.environment[name] for name in VARIABLES}
        found = {}
        earlier = commit(root, "a release")
        for name, newest, sql in (
            ("9998", None, "alter table task add column colour text"),
            ("9999", "9998", "alter table task rename column description to body"),
        ):
            plant(root, sql, name=name, **({"newest": newest} if newest else {}))
            assert before_the_newest_migration(root) == earlier, "one that is not committed"
            release = commit(root, sql)
            assert before_the_newest_migration(root) == earlier
            subprocess.run([sys.executable, "-m", "infra.migrate"], cwd=root, env=env, capture_output=True, check=True)
            (tmp_path / name).mkdir()
            found[name] = failures(unpack(root, earlier, tmp_path / name), known, stack.user().token)
            earlier = release
    assert found["9998"] == []
    broken = {line.partition(":")[0].partition("?")[0] for line in found["9999"]}
    assert {"tasks_create", "tasks_get", "tasks_list", "tasks_replace", "tasks_update"} <= broken
    assert not [line for line in found["9999"] if line.startswith(("service_", "jobs_"))]
