"""`python -m infra.migrate --check`, `--sql`, `--to`: what each does, and says where it can't; what squawk finds."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

from infra.local.postgres import OWNER, ROOT, SUPERUSER, throwaway
from infra.migrate import _up_to
from tests.infra.test_migrate import COMMAND, environment
from tests.infra.test_migrate import in_process as run
from tests.mutants.planting import planted
from tests.support.stack import Stack

NAMES = [one.revision for one in _up_to(None)]
OLDEST, NEWEST = NAMES[0], NAMES[-1]


def test_check_says_what_is_missing_and_to_goes_no_further_and_neither_does_more() -> None:
    with throwaway() as cluster:
        env = environment(cluster)
        owner = {"DATABASE_URL_UNPOOLED": cluster.url(OWNER)}
        code, printed, _ = run("--check", owner)
        assert (code, re.findall(r"missing (\w+): ", printed)) == (1, NAMES)
        assert printed.endswith(f"migrate: {len(NAMES)} missing\n")
        with psycopg.connect(cluster.url(SUPERUSER)) as connection:
            query = "select to_regclass('alembic_version') is null, count(*) from pg_roles where rolname = 'task_app'"
            assert connection.execute(query).fetchone() == (True, 0)

        code, printed, error = run(f"--to {OLDEST}", env)
        assert (code, re.findall(r"applied (\w+): ", printed)) == (0, [OLDEST]), error
        assert run(f"--check --to {OLDEST}", owner) == (0, "migrate: nothing missing\n", "")
        code, printed, _ = run("--check", owner)
        assert (code, re.findall(r"missing (\w+): ", printed)) == (1, NAMES[1:])

        assert run("", env)[0] == 0
        assert run("--check", owner) == (0, "migrate: nothing missing\n", "")
        line = f"migrate: the database is at {NEWEST}, beyond {OLDEST}: a migration never goes back\n"
        assert run(f"--to {OLDEST}", env) == (1, "", line)
        assert run("--check", owner)[0] == 0

        with psycopg.connect(cluster.url(OWNER)) as connection:
            connection.execute("update alembic_version set version_num = '9999'")
        line = "migrate: the database is at 9999, which this release does not know\n"
        assert run("--check", owner) == run("", env) == (1, "", line)


def test_an_unknown_migration_is_named_with_those_there_are(stack: Stack) -> None:
    line = f"migrate: there is no migration 0: there are {', '.join(NAMES)}\n"
    for option in ("", "--check", "--sql"):
        assert run(f"{option} --to 0", environment(stack.cluster)) == (1, "", line), option


def test_check_needs_the_owners_url_alone_and_says_so_in_one_line() -> None:
    code, printed, error = run("--check", {"DATABASE_URL": "postgresql://api:secret@h/d"})
    assert (code, printed, error.count("\n")) == (1, "", 1)
    assert error.startswith("migrate: DATABASE_URL_UNPOOLED is missing")
    code, _, error = run("--check", {"DATABASE_URL_UNPOOLED": "postgresql://o:secret@127.0.0.1:1/d"})
    assert (code, error.count("\n"), "secret" in error) == (1, 1, False)


def test_any_other_way_to_call_it_is_a_usage() -> None:
    for arguments in ("--check --sql", "--chekc", "--to", "head"):
        code, printed, error = run(arguments, {})
        assert (code, printed) == (2, ""), arguments
        assert error.startswith("usage: python -m infra.migrate [-h] [--check | --sql] [--to REVISION]")


def test_sql_ends_where_it_is_told_to() -> None:
    code, printed, _ = run(f"--sql --to {OLDEST}", {})
    assert code == 0
    assert f"('{OLDEST}')" in printed
    assert NAMES[1] not in printed
    assert len(run("--sql", {})[1]) > len(printed)


MIGRATION = '''"""Planted."""

from alembic import op

revision = "9999"
down_revision = "{newest}"


def upgrade() -> None:
    """Do it."""
    op.execute("""{sql}""")
'''
BAD = {
    "alter table task drop column description": "ban-drop-column",
    "alter table task rename column title to name": "renaming-column",
    "alter table task add column colour text not null": "adding-required-field",
    "create index slow on task (description)": "require-concurrent-index-creation",
}


def plant(folder: Path, sql: str, newest: str = NEWEST, name: str = "9999") -> None:
    """Put a migration behind the newest one."""
    text = MIGRATION.format(newest=newest, sql=sql).replace("9999", name)
    (folder / f"infra/migrations/versions/{name}_planted.py").write_text(text, "utf-8")


def test_squawk_finds_a_bad_migration_in_what_make_lint_shows_it() -> None:
    lint = (ROOT / "Makefile").read_text("utf-8")
    assert "-m infra.migrate --sql > build/migrations.sql\n\t@$(BIN)/squawk build/migrations.sql\n" in lint
    with planted() as folder:
        plant(folder, "; ".join(BAD))
        shutil.copy(ROOT / ".squawk.toml", folder)
        with (folder / "migrations.sql").open("w") as file:
            subprocess.run([*COMMAND, "--sql"], cwd=folder, env={}, stdout=file, check=True)
        squawk = str(Path(sys.executable).with_name("squawk"))
        command = [squawk, "--reporter", "Json", "migrations.sql"]
        done = subprocess.run(command, cwd=folder, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert {one["rule_name"] for one in json.loads(done.stdout)} == set(BAD.values())
