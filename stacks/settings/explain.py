"""pydantic's findings in the words of a settings file."""

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from stacks.settings.errors import Problem, listing
from stacks.settings.tree import SettingsTree


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """One problem per finding, in the order of the file's keys."""
    for detail in error.errors(include_url=False):
        context = detail.get("ctx", {})
        if detail["type"] == "rules":
            yield from context["problems"]
        else:
            yield _problem(detail, context)


def _problem(detail: ErrorDetails, context: Mapping[str, Any]) -> Problem:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    key = ".".join(f"[{part}]" if isinstance(part, int) else part for part in location).replace(".[", "[")
    match detail["type"]:
        case "missing":
            return Problem(key=key, found="missing", allowed=_what_belongs_there(location))
        case "extra_forbidden":
            return Problem(key=key, found="unknown key", allowed=_known_keys(location))
        case "too_short" | "too_long":
            return Problem(key=key, found=_count(context), allowed=_how_many(context, detail["input"]))
        case _:
            return Problem.of(key, detail["input"], _allowed(detail["type"], context, detail["msg"]))


def _allowed(kind: str, context: Mapping[str, Any], message: str) -> str:
    sentence = _SENTENCES.get(kind)
    return message if sentence is None else sentence(context)


_SENTENCES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "refused": lambda context: str(context["allowed"]),
    "enum": lambda context: str(context["expected"]),
    "literal_error": lambda context: str(context["expected"]),
    "greater_than": lambda context: f"more than {context['gt']:g}",
    "greater_than_equal": lambda context: f"at least {context['ge']}",
    "less_than_equal": lambda context: f"at most {context['le']}",
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "bool_type": lambda _: "true or false",
    "string_type": lambda _: "a string",
    "tuple_type": lambda _: "an array, such as ['ssm']",
    "dict_type": lambda _: "a table",
    "model_type": lambda _: "a table",
}


def _count(context: Mapping[str, Any]) -> str:
    count = context["actual_length"]
    return f"{count} {'entry' if count == 1 else 'entries'}"


def _how_many(context: Mapping[str, Any], value: object) -> str:
    bound = f"at least {context['min_length']}" if "min_length" in context else f"at most {context['max_length']}"
    zones = isinstance(value, dict) and all(isinstance(entry, dict) for entry in value.values())
    return f"{bound}: load balancer and database need two zones, and three are planned for" if zones else bound


def _what_belongs_there(location: tuple[int | str, ...]) -> str:
    group = _group(location[:-1])
    field = group.model_fields.get(str(location[-1])) if group else None
    annotation = field.annotation if field else None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"a table with {listing(annotation.model_fields, 'and')}"
    if location[-1] == "zones":
        return "two or three tables [network.zones.ZONE]; only a /16 has the default two"
    if "zones" in location:
        return "a block such as '10.0.1.0/24': every zone has a subnet in every tier"
    return "a value for it: it has no default"


def _known_keys(location: tuple[int | str, ...]) -> str:
    group = _group(location[:-1])
    if group is None:
        return "no such key"
    # The environment's name comes from the file's.
    known = [name for name in group.model_fields if not (group is SettingsTree and name == "name")]
    near = get_close_matches(str(location[-1]), known, n=1)
    return f"{listing(known)}{f'; did you mean {near[0]}?' if near else ''}"


def _group(location: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The class of settings at a place in the tree."""
    group: type[BaseModel] | None = SettingsTree
    for part in location:
        if group is None:
            return None
        field = group.model_fields.get(str(part))
        # A table of tables is asked twice: for its own key, then for the name of an entry, which is any.
        candidates = (field.annotation, *get_args(field.annotation)) if field else (group,)
        group = next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
    return group
