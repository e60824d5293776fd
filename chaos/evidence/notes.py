"""What the balancer wrote down: since when a target fails its checks, is out of rotation, is in again."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

FAILED, PASSED = "check failed", "check passed"
OUT, IN = "out of rotation", "in rotation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One change of the balancer's mind.

    Attributes:
        at: time.time().
        port: of the target.
        what: one of the constants above.
    """

    at: float
    port: int
    what: str


def read_notes(log: Path) -> list[Note]:
    """Every note of a balancer's log, in its order; other lines, and one that is not whole yet, are passed over."""
    return list(_parsed(log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)))


def _parsed(lines: Iterable[str]) -> Iterator[Note]:
    for line in lines:
        if line.startswith('{"at"') and line.endswith("}\n"):
            found = json.loads(line)
            yield Note(at=found["at"], port=found["port"], what=found["what"])


def first(notes: Iterable[Note], what: str, *, port: int, since: float) -> float | None:
    """When a target was first said to be so, since a moment; None when it was not."""
    return next((each.at for each in notes if each.port == port and each.what == what and each.at >= since), None)
