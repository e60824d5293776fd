"""Values of resolved properties: JSON, and what only a deployment can fill in, kept apart from it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A resource of the assembly: the stack's artifact id and the logical id in it."""

    stack: str
    logical_id: str

    def __str__(self) -> str:
        return f"{self.stack}.{self.logical_id}"


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """An attribute of a resource, known once it is deployed; `attribute` is empty for what `Ref` gives."""

    address: Address
    attribute: str = ""

    def __str__(self) -> str:
        return f"${{{self.address}{'.' if self.attribute else ''}{self.attribute}}}"


@dataclass(frozen=True, slots=True)
class Text:
    """A string with references in it; two neighbours are never both literal."""

    parts: tuple["str | Reference", ...]

    def render(self, name: Callable[[Reference], str] = str) -> str:
        """The string, with a name put in for every reference."""
        return "".join(part if isinstance(part, str) else name(part) for part in self.parts)

    def __str__(self) -> str:
        return self.render()


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that the templates do not tell. Whoever needs it must say so instead of assuming one."""

    why: str

    def __str__(self) -> str:
        return f"unknown ({self.why})"


Value: TypeAlias = "bool | int | float | str | Reference | Text | Unknown | list[Value] | dict[str, Value] | None"


def join(parts: Iterable["str | Reference | Text"]) -> "str | Reference | Text":
    """Concatenate: a plain string when nothing is open, and a single reference stays one."""
    flat: list[str | Reference] = []
    for part in parts:
        for piece in part.parts if isinstance(part, Text) else (part,):
            if isinstance(piece, str) and flat and isinstance(flat[-1], str):
                flat[-1] += piece
            elif piece != "":
                flat.append(piece)
    if not flat:
        return ""
    if len(flat) == 1:
        return flat[0]
    return Text(tuple(flat))


def references(value: Value) -> "set[Reference]":
    """Every reference that a value contains, at any depth."""
    match value:
        case Reference():
            return {value}
        case Text():
            return {part for part in value.parts if isinstance(part, Reference)}
        case list():
            return set().union(*map(references, value))
        case dict():
            return set().union(*map(references, value.values()))
        case _:
            return set()


def unknowns(value: Value, path: str = "") -> "list[tuple[str, Unknown]]":
    """Every unknown in a value, with its path."""
    match value:
        case Unknown():
            return [(path, value)]
        case list():
            return [found for index, item in enumerate(value) for found in unknowns(item, f"{path}[{index}]")]
        case dict():
            return [found for key, item in value.items() for found in unknowns(item, f"{path}.{key}" if path else key)]
        case _:
            return []
