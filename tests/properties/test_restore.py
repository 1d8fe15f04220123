"""Delete, restore = before: forests of random shape in lists of random choice, with whatever else happens in between.

A model in Python says what the trash holds and what comes back changed; all else must be as it was, to the member.
"""

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import DictRow

from tests.conftest import BASE_URL
from tests.fuzz import examples
from tests.support.api_gateway import Gateway
from tests.support.stack import Stack
from tests.support.tasks import DUES, Json, change, moment, path_of
from tests.support.trash import TRASH, restore, trash

numbers = st.integers(0, 30)
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["make", "make", "make", "delete", "restore", "restore", "complete", "update", "move", "for good"]
        ),
        numbers,
        numbers,
    ),
    min_size=15,
    max_size=40,
)
DEEPEST = 5


@dataclass
class House:
    """What one user has, as Python has it: the tasks as they were answered, and those in the trash by deletion."""

    api: httpx.Client
    lists: list[str]
    tasks: dict[str, Json] = field(default_factory=dict)
    trash: dict[str, tuple[int, Json]] = field(default_factory=dict)
    deletions: int = 0

    def below(self, task_id: str) -> list[str]:
        """A task and its subtree."""
        found = [task_id]
        for one in found:
            found += [task["id"] for task in self.tasks.values() if task["parent_id"] == one]
        return found

    def along(self, task_id: str) -> list[str]:
        """An entry of the trash and what was deleted along with it below it."""
        deletion, found = self.trash[task_id][0], [task_id]
        for one in found:
            found += [name for name, (when, task) in self.trash.items() if (when, task["parent_id"]) == (deletion, one)]
        return found

    def depth(self, task_id: str) -> int:
        """How many it hangs under."""
        parent = self.tasks[task_id]["parent_id"]
        return 0 if parent is None else 1 + self.depth(parent)

    def make(self, first: int, second: int) -> None:
        """A task: at the top of a list, or under another one."""
        parents = [name for name in self.tasks if self.depth(name) < DEEPEST]
        place: Json = {"list_id": [*self.lists, None][first % (len(self.lists) + 1)]}
        if parents and second % 3:
            place = {"parent_id": parents[first % len(parents)]}
        due = list(DUES.values())[second % len(DUES)]
        labels = [name for bit, name in enumerate(("Home", "work", "später")) if second >> bit & 1]
        body = {"title": f"Task {len(self.tasks)}", "description": f"{second}", "due": due, "labels": labels} | place
        answer = self.api.post("/v1/tasks", json=body)
        assert answer.status_code == 201, answer.text
        self.tasks[answer.json()["id"]] = answer.json()

    def delete(self, first: int, _: int) -> None:
        """A task with its subtree."""
        if not self.tasks:
            return
        task_id = list(self.tasks)[first % len(self.tasks)]
        assert change(self.api, "delete", task_id).status_code == 204
        self.deletions += 1
        for name in self.below(task_id):
            self.trash[name] = (self.deletions, self.tasks.pop(name))

    def restore(self, first: int, _: int) -> None:
        """An entry with what was deleted along with it; what it hung on may not be there."""
        if not self.trash:
            return
        task_id = list(self.trash)[first % len(self.trash)]
        along = self.along(task_id)
        entry = self.trash[task_id][1]
        parent = self.tasks.get(entry["parent_id"])
        stays = parent is not None and parent["list_id"] == entry["list_id"]
        height = max(self._height(name, task_id) for name in along)
        answer = restore(self.api, task_id)
        if stays and self.depth(entry["parent_id"]) + 1 + height > DEEPEST:
            assert answer.status_code == 409, answer.text
            return
        assert answer.status_code == 200, answer.text
        for name in along:
            self.tasks[name] = self.trash.pop(name)[1]
        if entry["parent_id"] is not None and not stays:
            self.changed(answer.json(), parent_id=None)
        assert answer.json() == self.tasks[task_id] | self.placed(task_id, answer.json())

    def _height(self, name: str, top: str) -> int:
        return 0 if name == top else 1 + self._height(self.trash[name][1]["parent_id"], top)

    def placed(self, task_id: str, now: Json) -> Json:
        """Where another has its place by now, it stands elsewhere: `position` and what counts it."""
        before = self.tasks[task_id]
        others = {task["position"] for name, task in self.tasks.items() if name != task_id}
        if before["position"] not in others:
            return {}
        self.changed(now, position=now["position"])
        return self.tasks[task_id]

    def changed(self, now: Json, **members: Any) -> None:
        """Take over what must have changed, and what counts it."""
        before = self.tasks[now["id"]]
        assert moment(now["updated_at"]) > moment(before["updated_at"])
        counted = {"version": before["version"] + 1, "updated_at": now["updated_at"]}
        self.tasks[now["id"]] = before | members | counted

    def complete(self, first: int, _: int) -> None:
        """Something else: a task is completed, and what is open below it."""
        self._write(first, "complete")

    def update(self, first: int, second: int) -> None:
        """Something else: a task gets another title."""
        self._write(first, "update", {"title": f"Other {second}"})

    def move(self, first: int, second: int) -> None:
        """Something else: a task moves to the top of a list, its subtree with it, beside another where it can."""
        if not self.tasks:
            return
        task_id = list(self.tasks)[first % len(self.tasks)]
        to = [*self.lists, None][second % (len(self.lists) + 1)]
        there = [
            task["id"]
            for task in self.tasks.values()
            if (task["list_id"], task["parent_id"]) == (to, None) and task["id"] != task_id
        ]
        beside = {"after": there[second % len(there)]} if there else {}
        answer = self.api.post(f"{path_of(task_id)}/move", json={"list_id": to, "parent_id": None} | beside)
        assert answer.status_code == 200, answer.text
        self._look(task_id)

    def _look(self, task_id: str) -> None:
        for name in self.below(task_id):
            self.tasks[name] = self.api.get(path_of(name)).json()

    def _write(self, first: int, name: str, body: Json | None = None) -> None:
        if self.tasks:
            task_id = list(self.tasks)[first % len(self.tasks)]
            method, suffix = ("POST", f"/{name}") if body is None else ("PATCH", "")
            answer = self.api.request(method, path_of(task_id) + suffix, json=body)
            assert answer.status_code == 200, answer.text
            self._look(task_id)

    def for_good(self, first: int, _: int) -> None:
        """An entry is deleted for good, with what was deleted along with it below it."""
        if self.trash:
            task_id = list(self.trash)[first % len(self.trash)]
            assert self.api.delete(f"{TRASH}/{task_id}").status_code == 204
            for name in self.along(task_id):
                del self.trash[name]

    def holds(self) -> None:
        """What is there is what the model says, to the member; and of one deletion all have the same moment."""
        seen = {item["id"]: item for item in self.api.get("/v1/tasks?limit=200").json()["items"]}
        assert seen == self.tasks
        entries = trash(self.api)
        moments = {item["id"]: moment(item.pop("deleted_at")) for item in entries}
        assert {item["id"]: item for item in entries} == {name: task for name, (_, task) in self.trash.items()}
        of = {(self.trash[name][0], when) for name, when in moments.items()}
        assert len(of) == len({deletion for deletion, _ in of}) == len({when for _, when in of})
        assert list(moments.values()) == sorted(moments.values(), reverse=True)


@settings(max_examples=examples(20), suppress_health_check=list(HealthCheck))
@given(plan=steps)
def test_what_is_restored_is_as_before(
    plan: list[tuple[str, int, int]], stack: Stack, admin: psycopg.Connection[DictRow]
) -> None:
    user = stack.user()
    lists = [str(uuid4()) for _ in range(2)]
    for list_id in lists:
        admin.execute("insert into list (user_id, id, name) values (%s, %s, 'A list')", [user.id, list_id])
    with httpx.Client(transport=Gateway(), base_url=BASE_URL, headers=user.headers) as api:
        house = House(api, lists)
        for name, first, second in plan:
            getattr(house, name.replace(" ", "_"))(first, second)
        house.holds()
        # All of it away and back, the last deletion first: as if nothing had been.
        before, house.trash = dict(house.tasks), {}
        assert api.delete(TRASH).status_code == 204
        deleted: list[str] = []
        while house.tasks:  # by turns from both ends: a parent with its subtree, a subtask before its parent
            number = -(len(deleted) % 2)
            deleted.append(list(house.tasks)[number])
            house.delete(number, 0)
        house.holds()
        for task_id in reversed(deleted):
            house.restore(list(house.trash).index(task_id), 0)
        assert house.tasks == before
        house.holds()
