"""What a user's tasks hang on and their order, as Python has it: a list in memory."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import permutations

from tests.support.tasks import Json

DEEPEST = 5
OPERATIONS = ("move", "complete", "keep")


@dataclass
class Tasks:
    """All tasks of a user by id, in order: list, parent, whether it is completed."""

    of: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def seen(cls, items: list[Json]) -> "Tasks":
        """Those of a list's answer."""
        ordered = sorted(items, key=lambda item: item["position"].encode())
        assert len({item["position"] for item in items}) == len(items)
        return cls(
            {
                item["id"]: {
                    "list": item["list_id"],
                    "parent": item["parent_id"],
                    "completed": item["completed_at"] is not None,
                }
                for item in ordered
            }
        )

    def ancestors(self, task_id: str | None) -> Iterator[str]:
        """The task and what it hangs on, upwards."""
        while task_id is not None:
            yield task_id
            task_id = self.of[task_id]["parent"]

    def below(self, task_id: str) -> list[str]:
        """Its descendants."""
        return [other for other in self.of if other != task_id and task_id in self.ancestors(other)]

    def height(self, task_id: str) -> int:
        """How deep the deepest of its descendants hangs under it."""
        depth = len(list(self.ancestors(task_id)))
        return max((len(list(self.ancestors(other))) - depth for other in self.below(task_id)), default=0)

    def move(self, task_id: str, where: Json) -> bool:
        """Move a task as the contract says; False, and nothing, where that is a 409."""
        task = self.of[task_id]
        to_parent = where.get("parent_id", task["parent"])
        to_list = where.get("list_id", task["list"])
        if "parent_id" not in where and to_list != task["list"]:
            to_parent = None
        if to_parent is not None:
            if where.get("list_id") not in {None, self.of[to_parent]["list"]} or task_id in self.ancestors(to_parent):
                return False
            if len(list(self.ancestors(to_parent))) + self.height(task_id) > DEEPEST:
                return False
            to_list = self.of[to_parent]["list"]
        beside = where.get("before", where.get("after"))
        if beside is not None:
            other = self.of[beside]
            if beside == task_id or (other["list"], other["parent"]) != (to_list, to_parent):
                return False
        for moved in [task_id, *self.below(task_id)]:
            self.of[moved]["list"] = to_list
        task["parent"] = to_parent
        order = [other for other in self.of if other != task_id]
        order.insert(len(order) if beside is None else order.index(beside) + ("after" in where), task_id)
        self.of = {other: self.of[other] for other in order}
        return True

    def complete(self, task_id: str, *, keep: bool) -> bool:
        """Complete a task and, if not to be kept, its descendants."""
        for done in [task_id, *([] if keep else self.below(task_id))]:
            self.of[done]["completed"] = True
        return True

    def do(self, task_id: str, operation: str, where: Json) -> bool:
        """One of `OPERATIONS`."""
        return self.move(task_id, where) if operation == "move" else self.complete(task_id, keep=operation == "keep")


def serial(before: Tasks, done: list[tuple[tuple[str, str, Json], int]], after: Tasks) -> bool:
    """Whether what was done at once, with these statuses, left what it would have left in some order."""
    for order in permutations(done):
        tasks = deepcopy(before)
        if all(tasks.do(*asked) == (status == 200) for asked, status in order) and list(tasks.of.items()) == list(
            after.of.items()
        ):
            return True
    return False
