"""What one user can do to another in the database itself, as the role that serves requests: all that must not be."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from psycopg.errors import InsufficientPrivilege, UniqueViolation

from infra.roles import APP, JOBS
from tests.support.catalogue_rules import Admin

# Two users whose words have the same tag (app.tag) in the index: what keeps them apart has to be `user_id`.
ALICE, BOB = "leaks-alice", "leaks-bob-22096834"
DENIED = {
    "write for another": "insert into task (user_id, id, title) values ('leaks-bob-22096834', gen_random_uuid(), 'x')",
    "give away": "update task set user_id = 'leaks-bob-22096834'",
    "set a version": "update task set version = 7",
    "set a time": "update task set created_at = now()",
    "truncate": "truncate task",
    "refer": "create table public.spy (user_id text, id uuid, foreign key (user_id, id) references task)",
    "drop a key": "delete from idempotency_key",
    "make up a deletion": "insert into trash select * from trash",
    "change what is in the trash": "update trash set version = 7",
}
TRASHED = """
    insert into trash (user_id, id, title, description, priority, created_at, updated_at, version, position, deleted_at)
    values (%s, %s, 'canary', '', 0, now(), now(), 1, 'V', now() - %s::interval)"""
BLIND = {
    # Where a statement reads nothing, only its own command's policy is asked.
    "change": "update task set priority = 2",
    "delete": "delete from task",
    "empty the trash of": "delete from trash where deleted_at > now() - interval '1 day'",
}


@contextmanager
def acting(admin: Admin, role: str, user: str) -> Iterator[None]:
    """Be `role`, with the scope of `user`; what is written is undone."""
    with admin.transaction(force_rollback=True):
        admin.execute(f"set local role {role}".encode())
        admin.execute("select set_config('app.user_id', %s, true)", [user])
        yield


def planted(admin: Admin) -> dict[str, UUID]:
    """A task, two entries of the trash and two kept answers, one of them due for deletion, for each of two users.

    The other entry has the id of the task.
    """
    tasks = {}
    for user in (ALICE, BOB):
        tasks[user] = uuid4()
        admin.execute(
            "insert into task (user_id, id, title) values (%s, %s, %s)", [user, tasks[user], f"canary of {user}"]
        )
        for age, trashed in (("0 hours", tasks[user]), ("31 days", uuid4())):
            admin.execute(TRASHED, [user, trashed, age])
        for age in ("0 hours", "25 hours"):
            admin.execute(
                "insert into idempotency_key (user_id, key, fingerprint, created_at)"
                "values (%s, %s, sha256(''), now() - %s::interval)",
                [user, age, age],
            )
    return tasks


def leaks(admin: Admin) -> Iterator[str]:
    """What one user, nobody, or the jobs can do that they must not; or can't do that they must."""
    ids = planted(admin)
    with acting(admin, APP, ALICE):
        yield from _sees(admin, ids)
    with acting(admin, APP, ALICE):
        yield from _changes(admin, ids)
    with acting(admin, APP, ALICE):
        yield from _creates(admin, ids)
    for what, statement in BLIND.items():
        with acting(admin, APP, ALICE):
            if admin.execute(statement.encode()).rowcount != 1:
                yield f"a user may {what} all, or not their own"
    yield from _remembers(admin)
    for what, statement in DENIED.items():
        with acting(admin, APP, ALICE):
            try:
                admin.execute(statement.encode())
            except InsufficientPrivilege:
                continue
            yield f"a user may {what}"
    with acting(admin, APP, ""):
        if admin.execute("select app.user_id() as user_id").fetchone() != {"user_id": None}:
            yield "nobody is somebody"
        if admin.execute("select from task").rowcount:
            yield "nobody sees tasks"
    with acting(admin, JOBS, ""):
        if {row["key"] for row in admin.execute("select key from idempotency_key")} != {"25 hours"}:
            yield "the jobs see what is not due"
        if admin.execute("select from trash").rowcount != len(ids):
            yield "the jobs see of the trash what is not due, or not all that is"


def _sees(admin: Admin, ids: dict[str, UUID]) -> Iterator[str]:
    if {row["id"] for row in admin.execute("select id from task")} != {ids[ALICE]}:
        yield "a user sees other tasks than their own"
    if {row["user_id"] for row in admin.execute("select user_id from idempotency_key")} != {ALICE}:
        yield "a user sees other keys than their own"
    if {row["user_id"] for row in admin.execute("select user_id from trash")} != {ALICE}:
        yield "a user sees the trash of others"
    for function in ("trashed", "restore"):
        if admin.execute(f"select app.{function}(%s)".encode(), [ids[BOB]]).rowcount:
            yield f"app.{function} reaches the trash of others"
    tags = {row["tag"] for row in admin.execute("select app.tag(name) from unnest(%s::text[]) name", [[ALICE, BOB]])}
    if len(tags) != 1:
        yield "the users have tags of their own, so that a search proves nothing"
    if {row["search"] for row in admin.execute("select app.search('canary')")} != {ids[ALICE]}:
        yield "a search finds other tasks than the user's own"


def _changes(admin: Admin, ids: dict[str, UUID]) -> Iterator[str]:
    changed = admin.execute("update task set priority = 1 returning user_id, version").fetchall()
    if changed != [{"user_id": ALICE, "version": 2}]:
        yield "a change reaches other tasks, or is not counted"
    if admin.execute("delete from task where id = %s", [ids[BOB]]).rowcount:
        yield "a user deletes another's task"


def _creates(admin: Admin, ids: dict[str, UUID]) -> Iterator[str]:
    insert = "insert into task (id, title) values (%s, 'x') returning user_id"
    try:
        made = admin.execute(insert, [ids[BOB]]).fetchone()
    except UniqueViolation:
        yield "a user learns that another has this id"
    except InsufficientPrivilege:
        yield "a user can't create"
    else:
        if made != {"user_id": ALICE}:
            yield "a task gets another owner"


def _remembers(admin: Admin) -> Iterator[str]:
    """A plan that was made for one user and is kept must be right for the next one on the same connection."""
    admin.execute("set local plan_cache_mode = force_generic_plan")
    admin.execute("prepare seen as select user_id from task")
    for user in (ALICE, BOB):
        with acting(admin, APP, user):
            if {row["user_id"] for row in admin.execute("execute seen")} != {user}:
                yield "a kept plan shows another user's tasks"
    admin.execute("deallocate seen")
