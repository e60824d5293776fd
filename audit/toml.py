"""Reads a TOML file into a model; whatever is wrong with it becomes one line for each key."""

import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from audit.errors import AuditError, Problem

Model = TypeVar("Model")


def read_toml(path: Path, model: type[Model]) -> Model:
    """The contents of a file.

    Raises:
        AuditError: it cannot be read, is not TOML, or is not what the model wants.
    """
    try:
        return TypeAdapter(model).validate_python(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AuditError([Problem(where=str(path), why=f"cannot be read ({error.strerror})")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AuditError([Problem(where=str(path), why=f"is not TOML: {error}")]) from None
    except ValidationError as error:
        raise AuditError(
            Problem(where=f"{path}: {'.'.join(map(str, detail['loc']))}", why=detail["msg"])
            for detail in error.errors(include_url=False)
        ) from None
