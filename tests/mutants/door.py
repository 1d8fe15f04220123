"""Mutants of the way to the database: scope, connections, retries, kept answers, preconditions."""

from functools import partial

from tests.mutants.fence import (
    CREATES,
    EXPIRED,
    FOREIGN_LIST,
    FOREIGN_READ,
    JOB_DELETES,
    JOB_SEES,
    LEAKS,
    SCOPE_ENDS,
    migration,
    open_for,
)
from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit

database = partial(Edit, "shared/database.py")
failures = partial(Edit, "shared/failures.py")
transactions = partial(Edit, "shared/transactions.py")
statements = partial(Edit, "shared/statements.py")
idempotency = partial(Edit, "shared/idempotency.py")
job = partial(Edit, "functions/jobs/delete_expired_keys.py")
replace = partial(Edit, "functions/tasks/replace.py")

COUNTED = """(old.title, old.description, old.priority, old.due_date, old.due_time, old.due_timezone, old.completed_at,
           old.list_id, old.parent_id, old.position, old.labels)"""
SCOPED = """            async with _Pipeline(connection) as pipeline:
                pipeline.enter_scope(user, read_only=read_only)
"""
APART = """            await connection.execute((READING if read_only else SCOPE).replace("$1", "%s"), [user])
            async with _Pipeline(connection):
"""
SENT = """                cursors = [await connection.execute(sql, values) for sql, values in statements]
"""
FETCHED = """            parts = [await cursor.fetchall() for cursor in cursors]
"""
COMMITTED = """            with suppress(psycopg.Error):
                await connection.execute("commit")
"""
CHECKOUT = """            connection, since = self._idle.pop()
            if abs(time.time() - since) < IDLE_LIMIT and _alive(connection):
                return connection
            await connection.close()
"""
SHARED = """            if _alive(self._idle[0][0]):
                return self._idle[0][0]
            self._idle.clear()
"""
CLAIMED = "rows = (await self._sure(write, (CLAIM, values), (sql, values)))[-1]"
CLAIMED_APART = (
    "await self._sure(write, (CLAIM, values))\n                rows = (await self._sure(write, (sql, values)))[-1]"
)
KEPT_APART = """if rows:
                    kept = {"key": self.key, "status": rows[0]["status"], "answer": json.dumps(rows[0], default=str)}
                    await self._run((KEEP_APART, kept))
            except Conflict"""
KEEP_APART = '''KEEP_APART = """
    update idempotency_key set status = %(status)s, answer = %(answer)s::jsonb where key = %(key)s returning user_id
"""
'''
STATES = "if pgconn.pipeline_status == PipelineStatus.OFF and pgconn.transaction_status == TransactionStatus.IDLE:"
LOCKED = "where id = %(id)s for no key update"

SHARED_TESTS = "tests/shared/"
GONE = SHARED_TESTS + "test_scope.py::test_the_scope_is_gone_with_its_transaction"
MANY = "tests/faults/test_environments.py::test_many_users_at_once_never_see_each_other"
POISONED = SHARED_TESTS + "test_database.py::test_a_poisoned_connection_is_closed"
UNKNOWN_FATE = "tests/faults/test_sync.py::test_an_unkeyed_write_of_unknown_fate_is_not_repeated"
COMMIT_FAILS = "tests/faults/test_contention.py::test_a_commit_that_fails_is_never_answered_as_done"
ANOTHER = SHARED_TESTS + "test_idempotency.py::test_another_request_with_the_key_is_422_and_nothing_happens[lambda]"
SETTLED = SHARED_TESTS + "test_idempotency_kept.py::test_a_write_whose_fate_is_unknown_is_settled_by_its_key"
IN_ONE = SHARED_TESTS + "test_idempotency_kept.py::test_the_key_is_stored_in_the_transaction_of_the_effect"
A_DAY = SHARED_TESTS + "test_idempotency_kept.py::test_a_key_is_kept_24_hours"

DOOR = (
    mutant(
        "session-level `set_config`",
        database("'app.user_id', $1, true)", "'app.user_id', $1, false)"),
        *(GONE, SCOPE_ENDS),
    ),
    mutant(
        "scope left out of the pipeline",
        database(SCOPED, APART),
        *(CREATES, "tests/rules/test_round_trips.py::test_a_read_is_one_round_trip"),
    ),
    mutant(
        "scope in a transaction of its own",
        database(SENT, f"                pipeline._enqueue_sync()\n{SENT}"),
        CREATES,
    ),
    mutant(
        "second lock removed",
        database('row.pop("user_id") != user', 'row.pop("user_id") is None'),
        SHARED_TESTS + "test_scope.py::test_a_row_of_another_user_never_leaves_the_door",
        SHARED_TESTS + "test_scope.py::test_a_policy_broken_for_reading_is_500_and_an_alarm_not_a_leak",
    ),
    mutant(
        "second lock removed, and `using (true)` for SELECT",
        database('row.pop("user_id") != user', 'row.pop("user_id") is None'),
        open_for("select"),
        *(FOREIGN_READ, FOREIGN_LIST),
    ),
    mutant(
        "one connection shared without its lock",
        database(CHECKOUT, SHARED),
        database("asyncio.Semaphore(self.size)", "asyncio.Semaphore(1000)"),
        MANY,
    ),
    mutant(
        "a read that may write",
        database("set_config('transaction_read_only', 'on', true), ", ""),
        SHARED_TESTS + "test_scope.py::test_a_read_can_not_write",
    ),
    mutant("a poisoned connection is kept", database(STATES, "if True:"), POISONED),
    mutant(
        "an ended connection is trusted",
        database("return not poll.poll(0)", "return True"),
        "tests/faults/test_outages.py::test_the_pooler_crashes_and_is_back_before_anyone_asks",
    ),
    mutant(
        "an idle connection is trusted for ever",
        database("abs(time.time() - since) < IDLE_LIMIT and _alive", "_alive"),
        SHARED_TESTS + "test_database.py::test_a_connection_that_was_idle_too_long_is_replaced",
    ),
    mutant(
        "answered before the commit",
        database(SENT, f'                await connection.execute("begin")\n{SENT}'),
        database(FETCHED, FETCHED + COMMITTED),
        COMMIT_FAILS,
    ),
    mutant(
        "an unkeyed write of unknown fate is sent again",
        transactions("if not (self.key or write.finds):", "if False:"),
        UNKNOWN_FATE,
    ),
    mutant(
        "a lost write is run again by the door",
        failures("return Undone() if read_only else Lost()", "return Undone()"),
        *(UNKNOWN_FATE, POISONED),
    ),
    mutant(
        "another request gets the answer that is kept",
        transactions('rows[0]["fingerprint"] != values["fingerprint"]', 'not rows[0]["fingerprint"]'),
        ANOTHER,
    ),
    mutant("a request without its body", idempotency("        body,\n    ]", "    ]"), ANOTHER),
    mutant("a request without its method", idempotency("        request.method.encode(),\n", ""), ANOTHER),
    mutant("a request without its path", idempotency('request.scope["path"].encode', '"".encode'), ANOTHER),
    mutant("a request without its preconditions", idempotency('(b"if-match", b"if-none-match")', "()"), ANOTHER),
    mutant(
        "a request without its query",
        idempotency('        request.scope["query_string"],\n', ""),
        SHARED_TESTS + "test_idempotency.py::test_another_query_is_another_request",
        note="no write knows a parameter, and what is not known is refused before the key is looked at",
        lives=True,
    ),
    mutant(
        "a key claimed in a transaction of its own",
        transactions(CLAIMED, CLAIMED_APART),
        *(
            IN_ONE,
            SHARED_TESTS + "test_idempotency_at_once.py::test_another_request_waits_as_well_before_it_is_refused",
        ),
    ),
    mutant(
        "an answer kept outside the transaction",
        statements("self.keeping = deciding + KEEP + FINISH", "self.keeping = deciding + FINISH"),
        transactions(f"{CLAIMED}\n            except Conflict", f"{CLAIMED}\n                {KEPT_APART}"),
        transactions('CLAIM = "select', f'{KEEP_APART}CLAIM = "select'),
        SETTLED,
    ),
    mutant(
        "a key kept for 23 hours",
        migration("held.created_at > now() - interval '24 hours'", "held.created_at > now() - interval '23 hours'"),
        A_DAY,
    ),
    mutant(
        "a key kept for ever",
        migration(
            "held.status is not null and held.created_at > now() - interval '24 hours'", "held.status is not null"
        ),
        A_DAY,
    ),
    mutant(
        "the jobs delete what is still kept",
        migration(EXPIRED, EXPIRED.replace("24 hours", "23 hours")),
        job('"24 hours"', '"23 hours"'),
        *(JOB_DELETES, JOB_SEES),
    ),
    mutant(
        "a job that asks for all keys",
        job('"24 hours"', '"0 hours"'),
        JOB_DELETES,
        note="the policy shows it none but those that are due",
        lives=True,
    ),
    mutant(
        "If-Match takes a weak tag",
        transactions("match.any else match.strong", "match.any else match.strong + match.weak"),
        SHARED_TESTS + "test_preconditions.py::test_a_write_is_412_with_current_where_if_match_fails",
    ),
    mutant(
        "If-Match is not heeded",
        statements("version = any (%(if_match)s::bigint[])", "version >= any (%(if_match)s::bigint[])"),
        "tests/functions/tasks/test_update.py::test_a_stale_tag_is_412_with_the_task_as_it_truly_is",
    ),
    mutant(
        "decided on a row that is not locked",
        statements(LOCKED, "where id = %(id)s"),
        "tests/properties/test_races.py::test_a_patch_that_waited_says_what_the_lock_owner_left",
    ),
    mutant(
        "replaced on a row that is not locked",
        replace(LOCKED, "where id = %(id)s"),
        "tests/properties/test_races.py::test_a_write_is_decided_on_the_truth_after_it_waited[replace]",
    ),
    mutant(
        "a PUT that overwrites unasked",
        replace("where id = %(id)s and %(conditional)s {guard}", "where id = %(id)s {guard}"),
        "tests/functions/tasks/test_replace.py::test_an_existing_task_needs_a_precondition",
    ),
    mutant(
        "a change that is not counted",
        Edit("infra/migrations/versions/0005_labels.py", COUNTED, COUNTED.replace("old.priority", "new.priority")),
        "tests/functions/tasks/test_update.py::test_a_patch_touches_its_members_and_nothing_else",
        *(LEAKS, "tests/rules/test_catalogue.py::test_the_database_keeps_the_rule[the_trigger_counts_every_change]"),
    ),
)
