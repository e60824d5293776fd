"""Reads the TOML and JSON files that a simulation is given: validated, each fault in one line with its place."""

import json
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from audit.errors import AuditError, Problem

_Model = TypeVar("_Model", bound=BaseModel)


class Strict(BaseModel):
    """A part of a document: frozen, and no key but those it knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as it is written.

    Raises:
        AuditError: it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise AuditError([Problem(where=str(path), why=f"is not TOML: {error}")]) from error


def read_json(path: Path) -> Any:
    """A JSON file as it is written.

    Raises:
        AuditError: it cannot be read or is not JSON.
    """
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        why = f"is not JSON: {error.msg} at line {error.lineno}"
        raise AuditError([Problem(where=str(path), why=why)]) from error


def checked(model: type[_Model], written: Any, where: str) -> _Model:
    """A part of a document as what it should be.

    Raises:
        AuditError: one line for every key that is wrong, with its value and what is allowed.
    """
    try:
        return model.model_validate(written)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # A list is also called too short when what is in it is wrong: that is told once, where it is.
        told = [
            found
            for found in errors
            if not any(len(other["loc"]) > len(found["loc"]) == _shared(found["loc"], other["loc"]) for other in errors)
        ]
        raise AuditError(
            Problem(where=": ".join([where, *(str(part) for part in found["loc"])]), why=_why(dict(found)))
            for found in told
        ) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise AuditError([Problem(where=str(path), why=f"cannot be read ({error.strerror})")]) from error
    except UnicodeDecodeError as error:
        raise AuditError([Problem(where=str(path), why=f"is not UTF-8 at byte {error.start}")]) from error


def _shared(one: tuple[int | str, ...], other: tuple[int | str, ...]) -> int:
    """How many parts two places have in common, from the first on."""
    return next(
        (number for number, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _why(found: dict[str, Any]) -> str:
    why = str(found["msg"]).removeprefix("Value error, ")
    value = found.get("input")
    return f"{why}, not {value!r}" if isinstance(value, str | int | float | bool) else why
