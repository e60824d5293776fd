"""From `environments/NAME.toml` to settings, or to an error that says which key to change and how."""

import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from stacks.settings.errors import Problem, SettingsError, listing, show
from stacks.settings.explain import problems_of
from stacks.settings.model import Settings

ENVIRONMENTS = Path(__file__).resolve().parents[2] / "environments"


def environment_names(folder: Path = ENVIRONMENTS) -> tuple[str, ...]:
    """The environments there are: one for each file in the folder."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def load_settings(name: str, folder: Path = ENVIRONMENTS) -> Settings:
    """The validated settings of one environment.

    Raises:
        SettingsError: there is no such environment, its file cannot be read, or a setting is wrong.
    """
    source = f"{folder.name}/{name}.toml"
    known = environment_names(folder)
    if name not in known:
        names = listing(known) if known else "nothing yet"
        allowed = f"{names}, after the files in {folder.name}/"
        raise SettingsError("ENV", [Problem.of("", name, allowed)])
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", name):
        allowed = "a name of 1 to 16 small letters, digits or hyphens: resources are named after it"
        raise SettingsError(source, [Problem.of("", name, allowed)])
    data = _read(folder / f"{name}.toml", source)
    if "name" in data:
        found = Problem(key="name", found="unknown key", allowed="no such key: the file's name is the environment's")
        raise SettingsError(source, [found])
    try:
        return Settings.model_validate({"name": name, **data})
    except ValidationError as error:
        raise SettingsError(source, problems_of(error)) from None


def _read(path: Path, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = Problem(key="", found=f"cannot be read ({error.strerror})", allowed="a readable TOML file")
    except UnicodeDecodeError as error:
        problem = Problem(key="", found=f"not UTF-8 at byte {error.start}", allowed="a TOML file in UTF-8")
    except tomllib.TOMLDecodeError as error:
        problem = Problem(key="", found=f"not TOML: {show(str(error), 200)[1:-1]}", allowed="TOML 1.0")
    raise SettingsError(source, [problem])
