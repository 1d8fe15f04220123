"""What may be in the database, by name: tables and their parts, functions, policies, triggers, and who may do what."""

from infra.roles import APP, JOBS
from tests.isolation.inventory import of_the_tables

EXTENSIONS = {"btree_gin"}
OWN = "(user_id = ( SELECT app.user_id() AS user_id))"
POLICIES = {
    *((table, "own_rows", APP, OWN, OWN) for table in ("list", "label", "task_label")),
    ("task", "own_rows", APP, OWN, OWN),
    ("trash", "own_rows", APP, OWN, OWN),
    ("trash", "due_rows", JOBS, "(deleted_at < (now() - '30 days'::interval))", "false"),
    ("idempotency_key", "own_rows", APP, OWN, OWN),
    ("idempotency_key", "expired_rows", JOBS, "(created_at < (now() - '24:00:00'::interval))", "false"),
}
WHOLE = frozenset("*")
VERSIONED = ("task", "list", "label")
WRITABLE = frozenset(
    {"title", "description", "priority", "due_date", "due_time", "due_timezone", "list_id", "parent_id", "labels"}
)
OF_A_LIST = frozenset({"name", "description", "color", "archived_at"})
GRANTS: dict[tuple[str, str, str], frozenset[str]] = {
    (APP, "public.task", "SELECT"): WHOLE,
    (APP, "public.task", "DELETE"): WHOLE,
    (APP, "public.task", "INSERT"): WRITABLE | {"id"},
    (APP, "public.task", "UPDATE"): WRITABLE | {"completed_at", "position"},
    (APP, "public.list", "SELECT"): WHOLE,
    (APP, "public.list", "DELETE"): WHOLE,
    (APP, "public.list", "INSERT"): OF_A_LIST | {"id"},
    (APP, "public.list", "UPDATE"): OF_A_LIST | {"position"},
    (APP, "public.trash", "SELECT"): WHOLE,
    (APP, "public.trash", "DELETE"): WHOLE,
    (JOBS, "public.trash", "SELECT"): WHOLE,
    (JOBS, "public.trash", "DELETE"): WHOLE,
    (APP, "public.label", "SELECT"): WHOLE,
    (APP, "public.label", "DELETE"): WHOLE,
    (APP, "public.label", "UPDATE"): frozenset({"name", "color"}),
    (APP, "public.task_label", "SELECT"): WHOLE,
    (APP, "public.idempotency_key", "SELECT"): WHOLE,
    (APP, "public.idempotency_key", "INSERT"): frozenset({"key", "fingerprint", "status", "answer"}),
    (APP, "public.idempotency_key", "UPDATE"): frozenset({"fingerprint", "created_at", "status", "answer"}),
    (JOBS, "public.idempotency_key", "SELECT"): WHOLE,
    (JOBS, "public.idempotency_key", "DELETE"): WHOLE,
    (APP, "app", "USAGE"): WHOLE,
    (JOBS, "app", "USAGE"): WHOLE,
    ("PUBLIC", "public", "USAGE"): WHOLE,
    ("PUBLIC", "the database", "CONNECT"): WHOLE,
    ("PUBLIC", "the database", "TEMPORARY"): WHOLE,
    (APP, "app.user_id()", "EXECUTE"): WHOLE,
    (JOBS, "app.user_id()", "EXECUTE"): WHOLE,
    (APP, "app.words(text)", "EXECUTE"): WHOLE,
    (APP, "app.fold(text)", "EXECUTE"): WHOLE,
    (APP, "app.lexemes(text)", "EXECUTE"): WHOLE,
    (APP, "app.tag(text)", "EXECUTE"): WHOLE,
    (APP, "app.word_index(text,text,text)", "EXECUTE"): WHOLE,
    (APP, "app.query(text,text,text,text)", "EXECUTE"): WHOLE,
    (APP, "app.search(text)", "EXECUTE"): WHOLE,
    (APP, "app.search(text,bigint)", "EXECUTE"): WHOLE,
    (APP, "app.claim(text,bytea)", "EXECUTE"): WHOLE,
    (APP, "app.label_key(text)", "EXECUTE"): WHOLE,
    (APP, "app.label_index(text,text[])", "EXECUTE"): WHOLE,
    (APP, "app.position_at(timestamp with time zone)", "EXECUTE"): WHOLE,
    (APP, "app.new_position()", "EXECUTE"): WHOLE,
    (APP, "app.midway(text,text)", "EXECUTE"): WHOLE,
    (APP, "app.moment_of(text,text)", "EXECUTE"): WHOLE,
    (APP, "app.position_between(text,text,text)", "EXECUTE"): WHOLE,
    (APP, "app.take_turn()", "EXECUTE"): WHOLE,
    (APP, "app.refuse(text,text)", "EXECUTE"): WHOLE,
    (APP, "app.place_task(uuid,uuid,uuid,uuid,uuid)", "EXECUTE"): WHOLE,
    (APP, "app.passes(integer)", "EXECUTE"): WHOLE,
    (APP, "app.go_on()", "EXECUTE"): WHOLE,
    (APP, "app.place_list(uuid,uuid,uuid)", "EXECUTE"): WHOLE,
    (APP, "app.trashed(uuid)", "EXECUTE"): WHOLE,
    (APP, "app.deleted_along(uuid,timestamp with time zone)", "EXECUTE"): WHOLE,
    (APP, "app.restore(uuid)", "EXECUTE"): WHOLE,
}
FUNCTIONS = {name for _, name, privilege in GRANTS if privilege == "EXECUTE"} | {
    "app.count_version()",
    "app.index_words()",
    "app.bound_lists()",
    "app.attach()",
    "app.follow()",
    "app.count_open_tasks()",
    "app.throw_away()",
    "app.canonical_labels()",
    "app.link_labels()",
    "app.one_name()",
    "app.hold_labels()",
    "app.spread_label()",
    "app.spelled(text,text[])",
}
DEFINERS = {
    *("app.search(text)", "app.search(text,bigint)", "app.count_open_tasks()"),
    *("app.throw_away()", "app.trashed(uuid)", "app.restore(uuid)"),
    *("app.canonical_labels()", "app.link_labels()"),
}
IMMUTABLE = {
    *("app.words(text)", "app.fold(text)", "app.lexemes(text)", "app.tag(text)"),
    *("app.word_index(text,text,text)", "app.query(text,text,text,text)"),
    *("app.midway(text,text)", "app.moment_of(text,text)"),
    *("app.label_key(text)", "app.label_index(text,text[])"),
}
TRIGGERS = {
    *("attach on public.task", "attach_new on public.task", "follow on public.task"),
    *("count_added on public.task", "count_changed on public.task", "count_gone on public.task"),
    *("canonical_labels on public.task", "canonical_labels_new on public.task", "index_words on public.task"),
    *("link_added on public.task", "link_changed on public.task", "link_gone on public.task"),
    *("hold_renamed on public.label", "hold_deleted on public.label"),
    *("one_name on public.label", "spread_name on public.label", "Off_every_task on public.label"),
    *("count_version on public.task", "count_version on public.list", "count_version on public.label"),
    *("throw_away on public.task", "bound_lists on public.list"),
}
ALLOWED = of_the_tables().union(
    {("extension", name) for name in EXTENSIONS},
    {("schema", "app")},
    {("function", name) for name in FUNCTIONS},
    {("policy", f"{name} on public.{table}") for table, name, *_ in POLICIES},
    {("trigger", name) for name in TRIGGERS},
)
