"""A database full of tasks, of the worst kind: one user has as many as 200 others together.

PostgreSQL, which can't see whom a policy is about to name, takes that user for one of few tasks.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from infra.local.postgres import OWNER, SUPERUSER
from infra.migrate import migrate
from tests.support.stack import Stack

BIG = "big"
RANDOM = "abs(hashint4(n * 8 + {}))"
LIST, PARENT, OTHERS, DONE = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2, 3, 4))
"""Few tasks are in the first list, in the inbox, under that parent or at the top; all others are elsewhere. Many are in
the last list, few of them open or urgent."""
FILL_LISTS = f"""
    insert into list (user_id, id, name) values ('big', '{LIST}', 'Few'), ('big', '{OTHERS}', 'The others'),
        ('big', '{DONE}', 'Nearly done');
    insert into task (user_id, id, title) values ('big', '{PARENT}', 'Few below'), ('big', '{OTHERS}', 'The others');
    alter table task disable trigger attach_new"""  # noqa: S608 - constants
DONE_ROWS = "n <= 20000 and n % 40 between 7 and 20 and n % 1000 > 20"
FILL = """
    insert into task (user_id, id, title, description, priority, due_date, due_time, completed_at, created_at,
                      updated_at, list_id, parent_id, labels)
    select case when n <= 20000 then 'big' else 'user-' || n % 200 end, gen_random_uuid(),
           (array['Buy', 'Call', 'Write', 'Pay', 'Plan'])[1 + {0} % 5] || ' ' || md5(n::text), 'word' || {1} % 1000,
           case when {done} then {2} % 4 else {2} % 5 end, case when {3} % 3 > 0 then date '2026-01-01' + {4} % 730 end,
           case when {3} % 3 = 1 then make_time({4} % 24, 0, 0) end, case when {done} or {5} % 10 < 6 then now() end,
           now() - make_interval(secs => {6} % 31536000), now() - make_interval(secs => {7} % 31536000),
           case when n > 20000 or n % 40 = 1 then null when n % 40 in (2, 3) then '{list}'
                when n % 40 between 7 and 20 then '{done_list}' else '{others}' end::uuid,
           case when n > 20000 or n % 40 in (3, 4) then null when n % 40 = 5 then '{parent}' else '{others}' end::uuid,
           case when n % 40 = 6 then array['Few', 'Many'] when n % 2 = 0 then array['Many'] else '{{}}' end
    from generate_series(1, 40000) n
"""
PLACES = {"list": LIST, "others": OTHERS, "parent": PARENT, "done_list": DONE, "done": DONE_ROWS}
FILL_AFTER = "alter table task enable trigger attach_new"
# As many deletions as tasks; every tenth hangs on the one before it, and went with it.
FILL_TRASH = """
    insert into trash (user_id, id, title, description, priority, created_at, updated_at, version, position, deleted_at,
                       parent_id)
    select case when n <= 20000 then 'big' else 'user-' || n % 200 end, md5(n::text)::uuid, 'Gone', '', 0, now(), now(),
           1, lpad(n::text, 14, '0') || 'V', now() - make_interval(mins => n / 10),
           case when n % 10 > 0 then md5((n - n % 10)::text)::uuid end
    from generate_series(1, 40000) n
"""
FILL_KEYS = """
    insert into idempotency_key (user_id, key, fingerprint, status, answer)
    select 'user-' || n % 100, 'key' || n, sha256(''), 204, '{}' from generate_series(1, 5000) n
"""


@contextmanager
def crowded(stack: Stack) -> Iterator[str]:
    """Make that database beside the stack's own, yield its name, and drop it."""
    name = f"{stack.cluster.database}_large"
    with psycopg.connect(stack.admin_url, dbname="postgres", autocommit=True) as admin:
        admin.execute(f"create database {name} owner {OWNER}".encode())
        owner = stack.cluster.url(OWNER).replace(f"/{stack.cluster.database}", f"/{name}")
        migrate(stack.environment | {"DATABASE_URL_UNPOOLED": owner}, lambda _: None)
        with psycopg.connect(stack.cluster.url(SUPERUSER), dbname=name, autocommit=True) as filler:
            fill = FILL.format(*(RANDOM.format(i) for i in range(8)), **PLACES)
            for statement in (FILL_LISTS, fill, FILL_AFTER, FILL_TRASH, FILL_KEYS, "vacuum analyze"):
                filler.execute(statement.encode())
        yield name
        admin.execute(f"drop database {name}".encode())
