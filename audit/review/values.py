"""Values of two templates held against each other: what differs, by property, short enough to be read in a comment."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.assembly import Address, Assembly, Reference, Text, Unknown, Value

_KEYS = ("Sid", "Key", "Name", "Id", "DeviceName", "PolicyName", "AttributeName")
"""Members by which the entries of a list are known, so that one more entry is not a change of all that follow."""
_SECRET = re.compile(r"password|secretstring|authtoken|privatekey", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{64}")
_LONGEST = 60
_UNREADABLE = 1000
"""Texts of this length, such as a dashboard, say nothing in a line."""
_MUCH = "…"


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Difference:
    """One property that differs.

    Attributes:
        path: such as `Listener.Port` or `Tags[Team]`.
        before, after: as they are shown; empty when it is not there, both the same when it is too much to be shown.
    """

    path: str
    before: str = ""
    after: str = ""


Plain = Any
"""JSON: a resolved value with every reference written as a string."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What people call things.

    Attributes:
        assets: names by hash.
        paths: construct paths by address.
    """

    assets: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[Address, str] = field(default_factory=dict)

    def of_text(self, text: str) -> str:
        """A text with the names of assets in place of their hashes."""
        return _HASH.sub(lambda found: self._of_hash(found.group()), text) if self.assets else text

    def of_reference(self, reference: Reference) -> str:
        """A reference by the path of what it refers to."""
        path = self.paths.get(reference.address, str(reference.address))
        return f"${{{path}{'.' if reference.attribute else ''}{reference.attribute}}}"

    def _of_hash(self, digest: str) -> str:
        return f"<asset {self.assets[digest]}>" if digest in self.assets else digest


AS_WRITTEN = Words()
"""Hashes and addresses as they are."""


def plain(value: Value, words: Words = AS_WRITTEN) -> Plain:
    """A value as JSON that can be compared, in some words for references and hashes."""
    match value:
        case str():
            return words.of_text(value)
        case Reference():
            return words.of_reference(value)
        case Text():
            return words.of_text(value.render(words.of_reference))
        case list():
            return [plain(item, words) for item in value]
        case dict():
            return {key: plain(item, words) for key, item in value.items()}
        case _:
            return str(value) if isinstance(value, Unknown) else value


def paths_of(*assemblies: Assembly) -> dict[Address, str]:
    """Construct paths of all resources; of two, the last one's."""
    return {
        address: resource.path.removesuffix("/Resource")
        for assembly in assemblies
        for address, resource in assembly.resources.items()
    }


def differences(before: Plain, after: Plain, path: str = "") -> Iterator[Difference]:
    """Every property that differs, at the greatest depth that still says what it is about."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path)
    else:
        if isinstance(before, str) and isinstance(after, str) and min(len(before), len(after)) > _UNREADABLE:
            yield Difference(path=path, before=_MUCH, after=_MUCH)
            return
        hidden = _SECRET.search(path.rpartition(".")[2]) is not None
        start = _same_start(before, after)
        yield Difference(
            path=path, before=shown(before, hidden=hidden, start=start), after=shown(after, hidden=hidden, start=start)
        )


def _of_lists(before: list[Plain], after: list[Plain], path: str) -> Iterator[Difference]:
    key = next((name for name in _KEYS if _is_key(name, before) and _is_key(name, after)), None)
    if key is not None:
        old, new = ({str(item[key]): item for item in items} for items in (before, after))
        for name in sorted({*old, *new}):
            yield from differences(old.get(name), new.get(name), f"{path}[{name}]")
        if list(old) != list(new) and old == new:
            yield Difference(path=path, before="another order", after="the same entries")
    elif len(before) == len(after) and all(isinstance(item, dict) for item in (*before, *after)):
        for index, (old_item, new_item) in enumerate(zip(before, after, strict=True)):
            yield from differences(old_item, new_item, f"{path}[{index}]")
    else:
        gone, come = _leftover(before, after), _leftover(after, before)
        if gone or come:
            yield Difference(path=path, before=_several(gone), after=_several(come))
        else:
            yield Difference(path=path, before="another order", after="the same entries")


def _is_key(name: str, items: list[Plain]) -> bool:
    named = [item.get(name) if isinstance(item, dict) else None for item in items]
    return all(isinstance(value, str) for value in named) and len(set(named)) == len(named)


def _leftover(items: list[Plain], others: list[Plain]) -> list[Plain]:
    left = list(others)
    found = []
    for item in items:
        if item in left:
            left.remove(item)
        else:
            found.append(item)
    return found


def _several(items: list[Plain]) -> str:
    return ", ".join(map(shown, items)) if len(items) < 4 else f"{len(items)} entries"


def _same_start(before: Plain, after: Plain) -> int:
    """How much of the beginning of two long texts can be left out, because both have it and more than fits."""
    if not (isinstance(before, str) and isinstance(after, str)) or max(len(before), len(after)) <= _LONGEST:
        return 0
    same = next((index for index, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), 0)
    # A few words before the difference say where it is.
    return max(0, same - 20)


def shown(value: Plain, *, hidden: bool = False, start: int = 0) -> str:
    """A value for people: on one line, from `start` on, cut where it is long."""
    if value is None:
        return ""
    if hidden and isinstance(value, str) and not value.startswith(("{{resolve:", "${")):
        return "(hidden)"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(", ", ": "))
    if start:
        text = f"…{text[start:]}"
    text = " ".join(text.split()) or "(empty)"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def rewritten(value: Value, rename: Callable[[Reference], Reference]) -> Value:
    """The value with every reference exchanged for another one."""
    match value:
        case Reference():
            return rename(value)
        case Text():
            return Text(tuple(rename(part) if isinstance(part, Reference) else part for part in value.parts))
        case list():
            return [rewritten(item, rename) for item in value]
        case dict():
            return {key: rewritten(item, rename) for key, item in value.items()}
        case _:
            return value
