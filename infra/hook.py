"""What CodeDeploy calls before a new version of a function gets traffic: that version is invoked, and has to answer.

The events are those of infra/events/, as a synthetic user, on the database of the stage; a task that an operation
needs is made, and what was made goes again (a task to the trash), by the functions that are live. Then CodeDeploy is
told, which takes the release back where the answer was wrong. It has an archive of its own (infra/package.py), of the
standard library; boto3 comes with Lambda. Read are AUTH_ISSUER and SMOKE_SECRET_ID, the secret of the users
(infra/synthetic.py), and REPLACE_FUNCTION, DELETE_FUNCTION and DELETE_LIST_FUNCTION, the names of those functions.
Without a secret, what takes a user is asked as nobody: 401.
"""

import json
import os
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
from botocore.config import Config

from infra.synthetic import sign_in, users

EVENTS = Path(__file__).with_name("events")
TASK, TOKEN = "0198c5f2-6b1e-7c3a-9d54-2f8e1a7b4c60", "Bearer TOKEN"
"""What stands in the events where a task's id and a token go."""
LIVE = "live"
ANSWERS = {
    "batch_run": 200,  # leaves nothing behind
    "tasks_replace": 201,
    "tasks_get": 200,
    "tasks_update": 200,
    "tasks_complete": 200,
    "tasks_reopen": 200,
    "tasks_move": 200,
    "tasks_delete": 204,
    "tasks_restore": 200,
    "trash_list": 200,
    "trash_delete": 404,
    "trash_empty": 412,  # its event asks in vain: the trash is also that of the other functions' checks
    "tasks_create": 201,
    "tasks_list": 200,
    "lists_create": 201,
    "lists_list": 200,
    "lists_get": 404,
    "lists_update": 404,
    "lists_delete": 404,
    "lists_move": 404,
    "labels_list": 200,
    "labels_update": 404,
    "labels_delete": 404,
    "limits_get": 200,
    "service_health": 200,
    "service_ready": 200,
    "service_contract": 200,
    "service_docs": 200,
    "service_docs_asset": 200,
    "service_default": 404,
}
"""What the event of each operation is answered where the task of the others exists, in an order that makes it so.

No caller chooses the id of a list or a label: those of the events do not exist.
"""
OK, UNAUTHORIZED = 200, 401
PROBLEMS = {UNAUTHORIZED, 404, 412}
ABOUT_ONE_TASK = {"tasks_get", "tasks_update", "tasks_complete", "tasks_reopen", "tasks_move", "tasks_restore"}
CREATES = {
    "tasks_create": ("tasks_delete", "DELETE_FUNCTION"),
    "lists_create": ("lists_delete", "DELETE_LIST_FUNCTION"),
}
"""What takes back what these made, and the variable that names its function."""
NEEDS_A_TASK = {*ABOUT_ONE_TASK, "tasks_delete", "tasks_list"}

type Answer = dict[str, Any]


class WrongError(Exception):
    """A version did not answer as it should; the text says which and how, and holds nothing of the user's."""


class Stage:
    """The functions of one stage, called by `token`'s user, or by nobody where it is empty, about a task of its own."""

    def __init__(self, token: str) -> None:
        # A release has a hook for each function, and replace and delete take few at once.
        patience = Config(retries={"mode": "standard", "total_max_attempts": 10})
        self._functions = boto3.client("lambda", config=patience)
        self._token = token
        self._task, self._key, self._created = str(uuid4()), str(uuid4()), False

    def check(self, name: str, function: str, version: str) -> None:
        """Ask a version of the function of `name`, and see that it did what it was asked; raise `WrongError`.

        Nothing is left behind but in the trash, also where it failed.
        """
        if not self._token and takes_a_user(name):
            self._ask(name, function, version, UNAUTHORIZED)
            return
        if name in NEEDS_A_TASK:
            self._ask("tasks_replace", os.environ["REPLACE_FUNCTION"], LIVE, ANSWERS["tasks_replace"])
        if name == "tasks_restore":
            self._ask("tasks_delete", os.environ["DELETE_FUNCTION"], LIVE, ANSWERS["tasks_delete"])
        try:
            self._ask(name, function, version, ANSWERS[name])
        finally:
            if takes_a_user(name):
                self._clean(name, function)

    def _ask(self, name: str, function: str, version: str, status: int) -> None:
        """Send the event of `name`; raise `WrongError` unless the answer has that status and is about what was sent."""
        answer = self._invoke(name, function, version)
        if answer.get("statusCode") != status:
            raise WrongError(f"{name}, version {version}, answers {answer.get('statusCode')}, not {status}")
        body, sent = _body(answer), _body(self._event(name))
        if name in ABOUT_ONE_TASK and status == OK:
            sent["id"] = self._task
        if name == "batch_run" and status == OK:
            body, sent = body["results"][0]["body"], sent["operations"][0]["body"] | {"id": self._task}
        if status in PROBLEMS:
            sent = {"status": status}
        wrong = [member for member in sent if body.get(member) != sent[member]]
        if name == "tasks_list" and status == OK and not body.get("items"):
            wrong.append("items")
        if wrong:
            raise WrongError(f"{name}, version {version}, answers {status} with another {', '.join(wrong)}")

    def _invoke(self, name: str, function: str, version: str) -> Answer:
        """Give what a version of a function returns for the event of `name`; raise `WrongError` where it raised."""
        payload = json.dumps(self._event(name)).encode()
        called = self._functions.invoke(FunctionName=function, Qualifier=version, Payload=payload)
        answer: Answer = json.loads(called["Payload"].read())
        if "FunctionError" in called:
            raise WrongError(f"{name}, version {version}, failed: {answer.get('errorType')}")
        if name in CREATES and "id" in _body(answer):
            self._task, self._created = _body(answer)["id"], True
        return answer

    def _event(self, name: str) -> Answer:
        """Give the event of an operation, for this user, task and key."""
        text = _text(name).replace(TASK, self._task)
        event: Answer = json.loads(text.replace(TOKEN, f"Bearer {self._token}"))
        event["requestContext"]["requestId"] = str(uuid4())
        if "idempotency-key" in event["headers"]:
            event["headers"]["idempotency-key"] = self._key
        if not self._token:
            event["headers"].pop("authorization", None)
        return event

    def _clean(self, name: str, function: str) -> None:
        """Delete the task, or the list. What a create of an unknown fate has made, its key tells the live version."""
        if name in CREATES and not self._created:
            self._invoke(name, function, LIVE)
        delete, variable = CREATES.get(name, CREATES["tasks_create"])
        self._invoke(delete, os.environ[variable], LIVE)


def takes_a_user(name: str) -> bool:
    """Whether the event of an operation holds a token."""
    return TOKEN in _text(name)


def _text(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text("utf-8")


def _body(of: Answer) -> Answer:
    """The JSON in an event or an answer; nothing where there is none."""
    if "json" not in of.get("headers", {}).get("content-type", ""):
        return {}
    body: Answer = json.loads(of["body"])
    return body


def deployed(codedeploy: Any, deployment: str) -> tuple[str, str]:
    """Give the name of the function that is deployed, and its new version."""
    revision = codedeploy.get_deployment(deploymentId=deployment)["deploymentInfo"]["revision"]
    content = json.loads((revision.get("appSpecContent") or revision["string"])["content"])
    ((resource,),) = [each.values() for each in content["Resources"]]
    return resource["Properties"]["Name"], resource["Properties"]["TargetVersion"]


def operation_of(function: str) -> str:
    """Give the operation of a function, by the logical id in the name that CloudFormation gave it."""
    logical_id = function.split("-")[-2]
    return next(name for name in ANSWERS if name.title().replace("_", "") == logical_id)


def token() -> str:
    """Give a token of the synthetic user; none where no secret is named. Raises `SignInError`."""
    secret = os.environ.get("SMOKE_SECRET_ID")
    if not secret:
        return ""
    text = boto3.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    return sign_in(os.environ["AUTH_ISSUER"].rstrip("/"), *users(text)[0])


def handler(event: dict[str, str], _: Any) -> str:
    """Check the version of the deployment that the event names; tell CodeDeploy, and give what it was told."""
    codedeploy = boto3.client("codedeploy")
    told = {"message": "hook", "deployment": event["DeploymentId"], "status": "Failed"}
    try:
        function, version = deployed(codedeploy, event["DeploymentId"])
        name = operation_of(function)
        told |= {"operation": name, "version": version}
        bearer = token() if takes_a_user(name) else ""
        told["as"] = "a synthetic user" if bearer else "nobody"
        Stage(bearer).check(name, function, version)
        told["status"] = "Succeeded"
    except Exception as failure:  # noqa: BLE001 - whatever it is, CodeDeploy would wait for an hour to be told
        told["reason"] = f"{type(failure).__name__}: {failure}"
    print(json.dumps(told))
    codedeploy.put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=told["status"],
    )
    return told["status"]
