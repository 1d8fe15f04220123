"""What is deployed, read from functions/: one HTTP operation or one job per file.

Read by the syntax tree: a module can't be imported without the variables of its environment, and a list must not
need them.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
METHODS = ("get", "post", "put", "patch", "delete")
DEFAULT = "$default"
JOBS = "jobs"
DOORS = {"shared.batches", "shared.database", "shared.paging", "shared.transactions"}

# Lines of the template. A role of ours, since the one that SAM would make may write every log of the account.
FUNCTION = (
    "  {0}: {{Type: AWS::Serverless::Function, Properties: {{Handler: {1}, Role: !GetAtt {0}Role.Arn,"
    " LoggingConfig: {{LogGroup: !Ref {0}Logs}}, DeploymentPreference: {{Alarms: [!Ref {0}Faults, !Ref {0}Crashes]}},"
    " Events: {{Http: {{Type: HttpApi, Properties: {{ApiId: !Ref Api{2}}}}}}}}}}}"
)
ROLE = (
    "  {0}Role: {{Type: AWS::IAM::Role, Properties: {{"
    "PermissionsBoundary: !If [HasBoundary, !Ref PermissionsBoundary, !Ref AWS::NoValue],"
    ' AssumeRolePolicyDocument: {{Version: "2012-10-17", Statement:'
    " [{{Effect: Allow, Principal: {{Service: lambda.amazonaws.com}}, Action: sts:AssumeRole}}]}},{1} Policies:"
    ' [{{PolicyName: logs, PolicyDocument: {{Version: "2012-10-17", Statement: [{{Effect: Allow,'
    " Action: [logs:CreateLogStream, logs:PutLogEvents], Resource: !GetAtt {0}Logs.Arn}}]}}}}]}}}}"
)
LOGS = (
    "  {0}Logs: {{Type: AWS::Logs::LogGroup, UpdateReplacePolicy: Delete, DeletionPolicy: Delete,"
    " Properties: {{RetentionInDays: !Ref LogRetentionInDays}}}}"
)
POLICIES = {
    None: "",
    "DATABASE_SECRET_ID": " ManagedPolicyArns: [!Ref ReadSecret],",
    "DATABASE_SECRET_ID_JOBS": " ManagedPolicyArns: [!Ref ReadSecretJobs],",
}


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function: one file under functions/.

    `name` is its name in serverless.yml, in the logs and of its event file (`tasks_create`); `module` is what Python
    imports.
    """

    name: str
    module: str

    @property
    def file(self) -> str:
        """The path of the source, from the root of the repository."""
        return self.module.replace(".", "/") + ".py"

    @property
    def handler(self) -> str:
        """The handler string that Lambda gets: `functions/tasks/create.handler`."""
        return self.module.replace(".", "/") + ".handler"

    @property
    def logical_id(self) -> str:
        """Its name in the SAM template: `TasksCreate`."""
        return "".join(word.capitalize() for word in self.name.split("_"))

    @property
    def secret(self) -> str | None:
        """The variable that names the secret which it may read: a job's, since every job opens the database."""
        return "DATABASE_SECRET_ID_JOBS"

    @property
    def own_lines(self) -> list[str]:
        """The lines of infra/template.yaml with its role and its log group."""
        return [ROLE.format(self.logical_id, POLICIES[self.secret]), LOGS.format(self.logical_id)]


@dataclass(frozen=True, slots=True)
class Operation(Function):
    """A function behind a route of the HTTP API.

    The one that takes what no route matches has the path `$default` and the method `*`. `endpoint` is the name of the
    Python function that answers, and so the operationId; `anonymous` tells that the operation needs no token, and
    `database` that it opens the database.
    """

    method: str
    path: str
    endpoint: str
    anonymous: bool
    database: bool

    @property
    def is_default(self) -> bool:
        """Whether this function takes whatever no route matches."""
        return self.path == DEFAULT

    @property
    def route(self) -> str:
        """The route key of API Gateway: `POST /v1/tasks`, or `$default`."""
        return DEFAULT if self.is_default else f"{self.method} {self.path}"

    @property
    def secret(self) -> str | None:
        """The variable that names the secret which it may read, where it opens the database."""
        return "DATABASE_SECRET_ID" if self.database else None

    @property
    def deploy_line(self) -> str:
        """The line of this operation in serverless.yml."""
        event = '"*"' if self.is_default else f'{{method: {self.method}, path: "{self.path}"}}'
        reads = f"reads: {self.secret}, " if self.secret else ""
        return f"  {self.name}: {{handler: {self.handler}, {reads}events: [{{httpApi: {event}}}]}}"

    @property
    def template_lines(self) -> list[str]:
        """The lines of this operation in infra/template.yaml: the function, its role and its log group."""
        route = "" if self.is_default else f', Method: {self.method}, Path: "{self.path}"'
        return [FUNCTION.format(self.logical_id, self.handler, route), *self.own_lines]

    @property
    def guard_lines(self) -> tuple[str, str]:
        """The lines of the alarms in infra/template.yaml that take a release of this operation back.

        They watch the version that is being released and no other: the faults that it answers, and the invocations that
        end without an answer of ours, which Lambda counts.
        """
        name, version = self.logical_id, f"!GetAtt {self.logical_id}.Version.Version"
        ours = {"service": "task-api", "operation": self.name, "version": version}
        lambdas = {"FunctionName": f"!Ref {name}", "Resource": f'!Sub "${{{name}}}:live"', "ExecutedVersion": version}
        return _guard(f"{name}Faults", "!Ref AWS::StackName", "faults", ours), _guard(
            f"{name}Crashes", "AWS/Lambda", "Errors", lambdas
        )


def _guard(name: str, namespace: str, metric: str, dimensions: dict[str, str]) -> str:
    pairs = ", ".join(f"{{Name: {key}, Value: {value}}}" for key, value in dimensions.items())
    watched = f"Namespace: {namespace}, MetricName: {metric}, Dimensions: [{pairs}], Statistic: Sum, Period: 60"
    breach = "EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: GreaterThanOrEqualToThreshold"
    properties = f"{{{watched}, {breach}, TreatMissingData: notBreaching}}"
    return f"  {name}: {{Type: AWS::CloudWatch::Alarm, Properties: {properties}}}"


def operations(root: Path = ROOT) -> list[Operation]:
    """Every HTTP operation in the order a router must try them: static segments before `{parameters}`, `$default` last.

    Raises `ValueError` naming the file that holds no route, or more than one.
    """
    found = [_operation(module, root) for module in _modules(root) if module.split(".")[1] != JOBS]
    return sorted(
        found, key=lambda operation: (operation.is_default, operation.path.replace("{", "~"), operation.method)
    )


def jobs(root: Path = ROOT) -> list[Function]:
    """Every scheduled function, by name."""
    return [Function(_name(module), module) for module in _modules(root) if module.split(".")[1] == JOBS]


def _modules(root: Path) -> Iterator[str]:
    for file in sorted((root / "functions").glob("*/*.py")):
        if file.name != "__init__.py":
            yield ".".join(file.relative_to(root).with_suffix("").parts)


def _name(module: str) -> str:
    return "_".join(module.split(".")[1:])


def _operation(module: str, root: Path) -> Operation:
    file = root / (module.replace(".", "/") + ".py")
    tree = ast.parse(file.read_text("utf-8"))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    needs = ("authenticated" not in called, bool(imported & DOORS))
    if (ast.get_docstring(tree) or "").startswith(DEFAULT):
        return Operation(_name(module), module, "*", DEFAULT, "default", *needs)
    routes = list(_routes(tree))
    if len(routes) != 1:
        raise ValueError(f"{file.relative_to(root)} must hold exactly one route, not {len(routes)}")
    return Operation(_name(module), module, *routes[0], *needs)


def _routes(tree: ast.Module) -> Iterator[tuple[str, str, str]]:
    """Give the method, path and function name of each `@router.<method>("<path>")`."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
            continue
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=ast.Attribute(attr=method), args=[ast.Constant(value=str(path)), *_]) if (
                    method in METHODS
                ):
                    yield method.upper(), path, node.name
