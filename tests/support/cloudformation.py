"""CloudFormation's templates, read and reckoned: what its intrinsic functions come to for given parameters."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ACCOUNT, REGION = "123456789012", "eu-central-1"
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "Fn::Equals": lambda one, other: str(one) == str(other),  # CloudFormation knows no numbers
    "Fn::Not": lambda one: not one,
    "Fn::And": lambda *every: all(every),
    "Fn::Or": lambda *some: any(some),
    "Fn::Select": lambda index, values: values[int(index)],
    "Fn::Split": lambda by, text: text.split(by),
    "Fn::Join": lambda by, texts: by.join(texts),
}
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::NoValue": None, "AWS::Partition": "aws", "AWS::Region": REGION}


class _Loader(yaml.SafeLoader):
    """Reads the short tags (`!Ref Api`) as their long form (`{"Ref": "Api"}`)."""


def _tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix == "Ref" else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    return {name: node.value}


_Loader.add_multi_constructor("!", _tag)


def read(file: Path) -> dict[str, Any]:
    """The template as it stands."""
    return dict(yaml.load(file.read_text("utf-8"), _Loader))  # noqa: S506


class Stack:
    """A template with its parameters: `resources` and `rules`, reckoned. A resource that is named is `arn of NAME`."""

    def __init__(self, template: dict[str, Any], **parameters: str) -> None:
        declared = template.get("Parameters", {})
        defaults = {name: str(one["Default"]) for name, one in declared.items() if "Default" in one}
        self._values: dict[str, Any] = PSEUDO | defaults | parameters
        self._conditions = template.get("Conditions", {})
        self.refused = [
            name
            for name, value in parameters.items()
            if not re.fullmatch(declared[name].get("AllowedPattern", ".*"), value)
            or value not in declared[name].get("AllowedValues", [value])
        ]
        self.rules = {
            name: all(self._of(one["Assert"]) for one in rule["Assertions"])
            for name, rule in template.get("Rules", {}).items()
        }
        self.resources = {
            name: self._of(one["Properties"])
            for name, one in template["Resources"].items()
            if "Condition" not in one or self._of({"Condition": one["Condition"]})
        }

    def _of(self, what: Any) -> Any:
        if isinstance(what, dict) and what:
            return self._function(what)
        if isinstance(what, list):
            return [known for one in what if (known := self._of(one)) is not None]
        return what

    def _function(self, what: dict[str, Any]) -> Any:
        match what:
            case {"Ref": name}:
                return self._values.get(name, f"arn of {name}")
            case {"Fn::GetAtt": name}:
                return f"arn of {name[0] if isinstance(name, list) else name.partition('.')[0]}"
            case {"Fn::Sub": text}:
                return self._sub(*text) if isinstance(text, list) else self._sub(text, {})
            case {"Condition": str(name)}:
                return self._of(self._conditions[name])
            case {"Fn::If": [name, then, otherwise]}:
                return self._of(then if self._of({"Condition": name}) else otherwise)
        name, value = next(iter(what.items()))
        kept = {key: known for key in what if (known := self._of(what[key])) is not None}
        return FUNCTIONS[name](*self._of(value)) if name in FUNCTIONS else kept

    def _sub(self, text: str, names: dict[str, Any]) -> str:
        known = self._values | {name: self._of(value) for name, value in names.items()}
        return re.sub(r"\$\{([\w:.]+)\}", lambda found: known.get(found[1]) or f"arn of {found[1].split('.')[0]}", text)
