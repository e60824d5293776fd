"""Every key that an environment's file may have, with what is allowed, its default and its meaning: read off the tree.

What is allowed is asked of the validators themselves, so that the page and the errors say the same.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from stacks.settings.errors import listing
from stacks.settings.tree import SettingsTree

_ATTRIBUTE = re.compile(r"^(\w+(?:, \w+)*): (.*)$")


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a settings file.

    Attributes:
        name: dotted path, as the file spells it; `ZONE` stands for the name of a zone.
        allowed: what may stand there.
        default: what stands there when the key is left out, or "required".
        meaning: what it is for; empty when nobody has written it down.
    """

    name: str
    allowed: str
    default: str
    meaning: str


def groups() -> dict[str, tuple[Key, ...]]:
    """The keys of each table of the file, by the table's name; those above the first table under ""."""
    found: dict[str, tuple[Key, ...]] = {"": tuple(_keys(SettingsTree, "", but={"name"}))}
    for name, field in SettingsTree.model_fields.items():
        if (group := _group(field.annotation)) is not None:
            found[name] = tuple(_keys(group, f"{name}."))
    return found


def _keys(model: type[BaseModel], prefix: str, but: frozenset[str] | set[str] = frozenset()) -> Iterator[Key]:
    meanings = _meanings(model)
    for name, field in model.model_fields.items():
        if name in but or _group(field.annotation) is not None:
            continue
        entry = _entry(field.annotation)
        if entry is not None:
            yield from _keys(entry, f"{prefix}{name}.ZONE.")
            continue
        allowed = _allowed(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)
        yield Key(name=f"{prefix}{name}", allowed=allowed, default=_default(field), meaning=meanings.get(name, ""))


def _group(annotation: Any) -> type[BaseModel] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _entry(annotation: Any) -> type[BaseModel] | None:
    """The class of the entries of a table of tables."""
    return next((entry for entry in map(_group, get_args(annotation)) if entry is not None), None)


def _meanings(model: type[BaseModel]) -> Mapping[str, str]:
    """What the `Attributes:` of a class say, by name; one description may be of several names."""
    _, _, section = (inspect.getdoc(model) or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: tuple[str, ...] = ()
    for line in section.splitlines():
        text = line.removeprefix("    ")
        if (start := _ATTRIBUTE.match(text)) and not text.startswith(" "):
            names = tuple(start[1].split(", "))
            found |= dict.fromkeys(names, start[2])
        else:
            found |= {name: f"{found[name]} {text.strip()}" for name in names}
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    match value:
        case None | () | {}:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case Enum():
            return f"`{value.value}`"
        case _:
            return f"`{value}`"


def _allowed(annotation: Any) -> str:
    inner, constraints = _bare(annotation)
    origin = get_origin(inner)
    if origin in (Union, UnionType):
        return _allowed(next(part for part in get_args(inner) if part is not NoneType))
    if origin is tuple:
        return f"{_most(constraints)} of: {_allowed(get_args(inner)[0])}"
    if origin is dict:
        name, value = get_args(inner)
        return f"a table, {_most(constraints)} entries of {_allowed(name)} = {_allowed(value)}"
    if inner in (int, float):
        return _range(constraints)
    choices = _choices(inner)
    return listing(f"`{choice}`" for choice in choices) if choices else _asked(annotation)


def _choices(inner: Any) -> tuple[Any, ...]:
    if get_origin(inner) is Literal:
        return get_args(inner)
    if isinstance(inner, type) and issubclass(inner, Enum):
        return tuple(member.value for member in inner)
    return ()


def _bare(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its annotations, and those."""
    constraints: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        constraints += more
    return annotation, tuple(part for each in constraints for part in getattr(each, "metadata", [each]))


def _range(constraints: tuple[Any, ...]) -> str:
    least = next((f"{each.ge:,}" for each in constraints if isinstance(each, Ge)), None)
    above = next((f"more than {each.gt:,}" for each in constraints if isinstance(each, Gt)), None)
    most = next(f"{each.le:,}" for each in constraints if isinstance(each, Le))
    return f"{least} to {most}" if least else f"{above}, at most {most}"


def _most(constraints: tuple[Any, ...]) -> str:
    lengths = [each.max_length for each in constraints if isinstance(each, MaxLen)]
    return f"up to {lengths[0]}" if lengths else "any"


def _asked(annotation: Any) -> str:
    """What a validator says is allowed when it is shown something that nobody would allow."""
    try:
        TypeAdapter(annotation).validate_python(object())
    except ValidationError as error:
        [detail] = error.errors(include_url=False)
        if detail["type"] == "refused":
            return str(detail["ctx"]["allowed"])
        return {"bool_type": "`true` or `false`", "string_type": "text"}[detail["type"]]
    raise AssertionError(f"{annotation} takes anything")
