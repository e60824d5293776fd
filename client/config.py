"""Which server and which key: options first, then the environment, then the configuration file."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from client.errors import UsageError

CONFIG_KEYS = frozenset({"url", "api_key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A server and a key.

    Attributes:
        url: the server's origin.
        key: the API key; never shown.
    """

    url: str
    key: str = field(repr=False)


def find_access(
    *, url: str | None = None, key_file: Path | None = None, environment: Mapping[str, str] = os.environ
) -> Access:
    """The access that the caller means.

    There is no option for the key itself: every user of a machine can read the arguments of its processes.

    Args:
        url: of an option.
        key_file: of an option; its first line is the key.
        environment: `RAWMILL_URL`, `RAWMILL_API_KEY`, and where configuration lives.

    Raises:
        UsageError: one of the two is missing, or a file is unreadable, open to others or malformed.
    """
    key = _key_in(key_file) if key_file else environment.get("RAWMILL_API_KEY")
    url = url or environment.get("RAWMILL_URL")
    path = config_path(environment)
    if (not key or not url) and path.exists():
        settings = _settings(path)
        url = url or settings.get("url")
        key = key or settings.get("api_key")
    if not url:
        raise UsageError(f'no server: give --url, set RAWMILL_URL, or write url = "https://…" into {path}')
    if not key:
        raise UsageError(f'no API key: set RAWMILL_API_KEY, give --api-key-file, or write api_key = "…" into {path}')
    return Access(url=url, key=key.strip())


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """The configuration file, there or not."""
    return _xdg(environment, "XDG_CONFIG_HOME", ".config") / "rawmill" / "client.toml"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the client remembers unfinished jobs."""
    return _xdg(environment, "XDG_STATE_HOME", ".local/state") / "rawmill" / "jobs"


def _xdg(environment: Mapping[str, str], name: str, default: str) -> Path:
    # The specification has relative values ignored.
    named = environment.get(name, "")
    return Path(named) if Path(named).is_absolute() else Path.home() / default


def _key_in(path: Path) -> str:
    try:
        _check_private(path)
        lines = path.read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"{path}: the API key cannot be read from it") from None
    if len(lines) != 1:
        raise UsageError(f"{path}: one line with the API key is needed")
    return lines[0]


def _settings(path: Path) -> dict[str, str]:
    try:
        settings = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # Not the error's own text: it may quote the line that holds the key.
        raise UsageError(f"{path}: cannot be read as TOML ({type(error).__name__})") from None
    unknown = sorted(set(settings) - CONFIG_KEYS)
    if unknown:
        raise UsageError(f"{path}: unknown key {', '.join(unknown)}; allowed: {', '.join(sorted(CONFIG_KEYS))}")
    wrong = sorted(key for key, value in settings.items() if not isinstance(value, str))
    if wrong:
        raise UsageError(f"{path}: {', '.join(wrong)}: text in quotes is needed")
    if "api_key" in settings:
        _check_private(path)
    return settings


def _check_private(path: Path) -> None:
    if path.is_file() and path.stat().st_mode & 0o077:
        raise UsageError(f"{path}: holds an API key but others may read it; chmod 600 {path}")
