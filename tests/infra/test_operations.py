"""infra/operations.py, on a small tree of its own."""

from pathlib import Path

import pytest

from infra.operations import Function, jobs, operations


def operation(method: str, path: str, router: str = "authenticated", imports: str = "") -> str:
    """The source of an operation whose function is named after its method."""
    head = f'"""{method.upper()} {path}: x."""\n{imports}\nrouter = {router}()\n'
    return f'{head}@router.{method}("{path}", status_code=200)\nasync def {method}_note(): ...\n'


GET = operation("get", "/notes/{note_id}")
MINE = operation("get", "/notes/mine")
ADD = operation("post", "/notes", imports="from shared.transactions import Writing")
ALIVE = operation("get", "/alive", "anonymous")
REST = '"""$default: x."""\nrouter = anonymous()\n'
FILES = {
    "__init__.py": "",
    "a/rest.py": REST,
    "notes/__init__.py": "",
    "notes/get.py": GET,
    "notes/mine.py": MINE,
    "notes/add.py": ADD,
    "service/alive.py": ALIVE,
    "jobs/tidy_up.py": '"""Every night: x."""\ndef handler(event, context): ...\n',
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "functions" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def test_static_paths_come_before_parameters_and_the_default_last(tree: Path) -> None:
    routes = [operation.route for operation in operations(tree)]
    assert routes == ["GET /alive", "POST /notes", "GET /notes/mine", "GET /notes/{note_id}", "$default"]


def test_an_operation_carries_what_its_file_says(tree: Path) -> None:
    add = next(operation for operation in operations(tree) if operation.name == "notes_add")
    assert (add.module, add.file, add.endpoint) == ("functions.notes.add", "functions/notes/add.py", "post_note")
    assert (add.handler, add.logical_id) == ("functions/notes/add.handler", "NotesAdd")
    assert (add.anonymous, add.database, add.is_default) == (False, True, False)
    event = '{httpApi: {method: POST, path: "/notes"}}'
    line = f"  notes_add: {{handler: functions/notes/add.handler, reads: DATABASE_SECRET_ID, events: [{event}]}}"
    assert add.deploy_line == line
    assert [line.split(":")[0].strip() for line in add.template_lines] == ["NotesAdd", "NotesAddRole", "NotesAddLogs"]
    assert "ManagedPolicyArns: [!Ref ReadSecret]," in add.template_lines[1]


def test_the_default_takes_every_method_and_needs_no_token(tree: Path) -> None:
    rest = operations(tree)[-1]
    assert (rest.method, rest.path, rest.is_default) == ("*", "$default", True)
    assert (rest.anonymous, rest.database) == (True, False)
    assert rest.deploy_line == '  a_rest: {handler: functions/a/rest.handler, events: [{httpApi: "*"}]}'
    assert "ReadSecret" not in rest.template_lines[1]


def test_jobs_stand_apart(tree: Path) -> None:
    assert jobs(tree) == [Function("jobs_tidy_up", "functions.jobs.tidy_up")]
    assert "jobs_tidy_up" not in {operation.name for operation in operations(tree)}


def test_a_file_without_exactly_one_route_is_named(tree: Path) -> None:
    for text in ("", GET + MINE, GET.replace('("/notes/{note_id}"', "(PATH")):
        (tree / "functions/notes/get.py").write_text(text)
        with pytest.raises(ValueError, match=r"functions/notes/get\.py must hold exactly one route"):
            operations(tree)
