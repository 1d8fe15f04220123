"""Entity tags and the conditions on them (RFC 9110 8.8.3, 13.1)."""

import re
from dataclasses import dataclass

from shared.problems import BadRequest

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_GAP = re.compile(r"[ \t]*(?:,[ \t]*)+")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
ANY = "*"


@dataclass(frozen=True, slots=True)
class Tags:
    """A parsed If-Match or If-None-Match: `*`, or the versions that its tags may stand for."""

    any: bool
    strong: list[int]
    weak: list[int]

    @classmethod
    def parse(cls, name: str, values: list[str]) -> "Tags | None":
        """Read the header's lines; None where there is none. Raises `BadRequest` for what is no list of tags."""
        if not values:
            return None
        text = ", ".join(values).strip(" \t")
        if text == ANY:
            return cls(any=True, strong=[], weak=[])
        tags = cls(any=False, strong=[], weak=[])
        at = gap.end() if (gap := _GAP.match(text)) else 0
        while tag := _TAG.match(text, at):
            # Our tags are versions; any other text is a well-formed tag that stands for nothing.
            if _VERSION.fullmatch(tag[2]):
                (tags.weak if tag[1] else tags.strong).append(int(tag[2]))
            at = tag.end()
            if at == len(text):
                return tags
            gap = _GAP.match(text, at)
            if gap is None:
                break
            at = gap.end()
            if at == len(text):
                return tags
        raise BadRequest(f"{name} must be * or a list of entity tags.")


def entity_tag(version: int) -> str:
    """The strong entity tag of an object's version."""
    return f'"{version}"'


class NotModified(Exception):  # noqa: N818 - an answer, not a failure
    """304: the caller holds what is there (RFC 9110 15.4.5)."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag
