"""Mutants of what is taken in and what is told: bodies, cursors, headers, CORS, problems and log lines."""

from functools import partial

from tests.mutants.mutant import mutant
from tests.mutants.planting import Edit

http = partial(Edit, "shared/http.py")
paging = partial(Edit, "shared/paging.py")
bodies = partial(Edit, "shared/bodies.py")
schemas = partial(Edit, "shared/schemas/base.py")
logs = partial(Edit, "shared/logs.py")
local = partial(Edit, "infra/local/app.py")
transactions = partial(Edit, "shared/transactions.py")
batches = partial(Edit, "shared/batches.py")

CURSORS = "tests/shared/test_cursors.py::"
STRICT = "tests/rules/test_strictness.py::"
NAMED = STRICT + "test_all_offending_members_are_named_at_once"
OURS = "tests/rules/test_every_operation.py::test_every_call_succeeds_and_its_response_has_the_common_headers"
LOGS = "tests/rules/test_logs.py::"
ONE_LINE = LOGS + "test_each_request_leaves_one_line_and_nothing_else[lambda]"
FAULT = LOGS + "test_a_fault_of_ours_says_where_and_nothing_of_what[lambda-a missing function]"
HASHED = LOGS + "test_a_line_knows_a_user_again_by_a_hash_that_only_we_can_make[lambda]"
NO_OTHER = "tests/rules/test_cors.py::test_no_other_origin_is_let_through"
LISTED = "tests/rules/test_cors.py::test_a_preflight_of_a_listed_origin_is_let_through"
GATEWAY = "tests/rules/test_cors.py::test_the_gateway_says_the_same"
CREATED = "tests/functions/tasks/test_create.py::test_a_task_is_created_and_answered_whole"
LEADS = "tests/functions/tasks/test_create.py::test_location_leads_to_what_was_answered"
LIST_CREATED = "tests/functions/lists/test_create.py::test_a_list_is_created_and_answered_whole"
PUT_CREATED = "tests/functions/tasks/test_replace.py::test_a_caller_may_choose_an_id_of_any_version"
PUT_REPLAYED = "tests/shared/test_idempotency.py::test_a_put_that_created_is_replayed_with_its_location"
IN_BATCH = "tests/functions/batch/test_run.py::test_operations_run_in_order_and_answer_as_they_would_alone"
AS_ALONE = "tests/functions/batch/test_run.py::test_an_answer_is_the_one_of_the_operation_alone"
REPLAYED = "tests/shared/test_idempotency.py::test_a_create_is_replayed_and_happens_once"
BATCH_REPLAYED = "tests/functions/batch/test_run_kept.py::test_a_replay_shows_what_was_though_all_is_changed_since"
LOCATION = """headers["Location"] = path if self.method == "PUT" else f"{path}/{answer['id']}\""""
NOT_JSON = "tests/shared/test_bodies.py::test_what_is_not_json_in_utf_8_is_400"

ANSWERS = (
    mutant(
        "a cursor bound to nothing",
        paging(
            'self.position.bound_to != binding(self.scope["path"], self.query_params.multi_items())',
            "not self.position.bound_to",
        ),
        CURSORS + "test_a_cursor_of_another_sort_or_filter_is_400",
    ),
    mutant(
        "a cursor that was altered",
        paging("isinstance(value, str) and found.cursor() == told", "isinstance(value, str)"),
        CURSORS + "test_every_character_altered_is_400",
    ),
    mutant(
        "a cursor of any value",
        paging("            order.check(self.value)\n", "            pass\n"),
        CURSORS + "test_a_forged_cursor_reaches_nothing_and_breaks_nothing",
    ),
    mutant(
        "errors that echo input",
        http('error["msg"]) for error', 'f"{error["msg"]}: {error.get("input")}") for error'),
        http("detail = DETAILS.get(kind, message)", "detail = message"),
        NAMED,
    ),
    mutant(
        "a 500 that says what",
        http("problem = InternalError()", "problem = InternalError(str(failure))"),
        "tests/faults/test_contention.py::test_a_commit_that_a_bug_fails_is_500_without_a_word_of_it",
    ),
    mutant(
        "answers that may be stored", http('(b"cache-control", b"no-store")', '(b"cache-control", b"private")'), OURS
    ),
    mutant("types that may be guessed", http('(b"x-content-type-options", b"nosniff"), ', ""), OURS),
    mutant("unknown members are let pass", schemas('extra="forbid"', 'extra="ignore"'), NAMED),
    mutant(
        "NUL and surrogates are let in",
        schemas("if _UNSTORABLE.search(value):", "if False:"),
        STRICT + "test_a_member_of_another_type_or_range_is_422_at_its_pointer",
    ),
    mutant("members twice in a body", bodies("if len(members) != len(pairs):", "if False:"), NOT_JSON),
    mutant("NaN in a body", bodies(", parse_constant=_refuse", ""), NOT_JSON),
    mutant(
        "a body of any size",
        bodies("LARGEST = 256 * 1024", "LARGEST = 8 * 256 * 1024"),
        "tests/shared/test_bodies.py::test_a_body_over_256_kib_is_413[lambda]",
    ),
    mutant(
        "a body of any media type",
        bodies("media_type.strip() not in media_types or ", ""),
        "tests/shared/test_bodies.py::test_a_body_of_another_media_type_is_415",
    ),
    mutant("CORS for `*`", local("allow_origins=origins", 'allow_origins=["*"]'), NO_OTHER),
    mutant(
        "CORS for what begins like a listed origin",
        local("allow_origins=origins", 'allow_origin_regex="(" + "|".join(origins) + ").*"'),
        NO_OTHER,
    ),
    mutant(
        "CORS with credentials", local("allow_origins=origins", "allow_origins=origins, allow_credentials=True"), LISTED
    ),
    mutant(
        "CORS for `*` at the gateway",
        Edit("infra/template.yaml", '!Split [",", !Join ["", !Split [" ", !Ref CorsOrigins]]]', '["*"]'),
        GATEWAY,
    ),
    mutant("a log line with the token", Edit("shared/auth.py", "str(refusal)", 'f"{refusal}: {token}"'), ONE_LINE),
    mutant("a log line with the user", logs('line["user"] = ', 'line["user"] = caller or '), ONE_LINE),
    mutant("a hash of the user that anyone can make", logs(", key=_hash_key)", ")"), HASHED),
    mutant("a log line with what failed", logs('"failure": type(failure).__name__', '"failure": str(failure)'), FAULT),
    mutant(
        "Location: none where an object was created",
        transactions(LOCATION, "pass"),
        *(CREATED, LIST_CREATED, PUT_CREATED, IN_BATCH),
    ),
    mutant(
        "Location: of the collection",
        transactions(LOCATION, 'headers["Location"] = path'),
        *(CREATED, LEADS, LIST_CREATED, IN_BATCH),
    ),
    mutant(
        "Location: of another object",
        transactions(LOCATION, LOCATION.replace("answer['id']", "str(answer['id'])[::-1]")),
        *(CREATED, LEADS, LIST_CREATED, IN_BATCH),
    ),
    mutant(
        "Location: below the object, of a PUT",
        transactions(LOCATION, LOCATION.replace('path if self.method == "PUT" else ', "")),
        *(PUT_CREATED, PUT_REPLAYED, IN_BATCH),
    ),
    mutant(
        "Location: without the version of the API",
        transactions('path = self.scope["path"]', 'path = self.scope["path"].removeprefix("/v1")'),
        *(CREATED, LEADS, LIST_CREATED, PUT_CREATED, IN_BATCH),
    ),
    mutant(
        "Location: none where a create is replayed",
        transactions("if status == 201:", "if status == 201 and not self.replayed:"),
        *(PUT_REPLAYED, REPLAYED, BATCH_REPLAYED),
    ),
    mutant(
        "Location: none in a batch",
        batches('HEADERS = ("ETag", "Location", ', 'HEADERS = ("ETag", '),
        *(IN_BATCH, AS_ALONE),
    ),
)
