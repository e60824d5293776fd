"""What is wrong with settings, said in one line each: the file, the key, the value, what is allowed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with one key.

    Attributes:
        key: dotted path of the key, as in the TOML file; empty when the whole file is meant.
        found: what stands there, in words or as a value.
        allowed: what may stand there instead.
    """

    key: str
    found: str
    allowed: str

    @classmethod
    def of(cls, key: str, value: object, allowed: str) -> Self:
        """A value that stands in the file and may not."""
        return cls(key=key, found=f"value {show(value)}", allowed=allowed)

    def __str__(self) -> str:
        message = f"{self.found}: allowed {self.allowed}"
        return f"{self.key}: {message}" if self.key else message


class SettingsError(Exception):
    """Settings that cannot be used. Its text has one line per problem; callers print it and exit with 2."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in self.problems))


def show(value: object, longest: int = 80) -> str:
    """A value on one line as TOML would spell it, shortened."""
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, str | int | float | list | dict) else repr(str(value))
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def listing(values: Iterable[object], last: str = "or") -> str:
    """`a`, `a or b`, `a, b or c`."""
    words = [str(value) for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
