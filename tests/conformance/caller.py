"""Who asks: clients that hold each answer to the contract, and that clean up behind themselves."""

import secrets
from string import ascii_lowercase
from typing import Any, Self

import httpx

from tests.support.openapi_validator import hold
from tests.support.tasks import TASKS, Json, make, page, path_of

TIMEOUT = 30
GATEWAYS = ("accept-ranges", "apigw-requestid", "keep-alive")
"""Headers that a gateway adds to ours: serverless-offline's, API Gateway's."""


def client(url: str, **headers: str) -> httpx.Client:
    """A client for the API at `url`, which holds each answer to the contract."""
    return httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT, event_hooks={"response": [_judge]})


def _judge(response: httpx.Response) -> None:
    response.read()
    for name in GATEWAYS:
        response.headers.pop(name, None)
    hold(response.request, response)


class Caller:
    """A user with a token. `word` stands in the title of every task that this run makes; `api` calls the API.

    Leaving the block deletes those tasks: the ones that an answer told of, and the ones that the word finds, since an
    answer may be lost.
    """

    def __init__(self, url: str, token: str) -> None:
        self.word = "".join(secrets.choice(ascii_lowercase) for _ in range(20))
        self.api = client(url, Authorization=f"Bearer {token}")
        self.api.event_hooks["response"].insert(0, self._note)
        self._made: list[str] = []

    def make(self, title: str = "Buy milk", **members: Any) -> Json:
        """Create a task and give it as it was answered."""
        return make(self.api, title=self.called(title), **members)

    def called(self, title: str) -> str:
        """A title by which the task is found again."""
        return f"{title} {self.word}"

    def titles(self, query: str = "") -> list[str]:
        """The titles of this run's tasks on the first page of a list, as they were given to `called`."""
        items = page(self.api, f"q={self.word}&{query}")["items"]
        return [item["title"].removesuffix(f" {self.word}") for item in items]

    def _note(self, response: httpx.Response) -> None:
        if response.status_code == 201:
            self._made.append(response.headers["location"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Not by `self.api`: what breaks the contract is deleted all the same.
        with httpx.Client(base_url=self.api.base_url, headers=self.api.headers, timeout=TIMEOUT) as cleaner:
            self.api.close()
            for path in self._made:
                cleaner.delete(path)
            for item in cleaner.get(f"{TASKS}?limit=200&q={self.word}").raise_for_status().json()["items"]:
                cleaner.delete(path_of(item)).raise_for_status()
