"""Licences: named resources with a number of seats, taken in one global order so that nobody can deadlock.

Two processes that take two resources in opposite orders can each hold one and wait for the other for ever. Here a
caller names all that it needs at once, the names are sorted, and asking for a name that sorts before one already held
is refused at once: a circle of waiting needs somebody who goes against the order.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from processor.errors import ImageError, ProcessorError, ReasonCode, UsageError

DEFAULT_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a seat. `since` is seconds since the epoch."""

    pid: int
    host: str
    image: str
    since: float

    def __str__(self) -> str:
        held_s = max(0.0, time.time() - self.since)
        return f"process {self.pid} on {self.host} for {self.image!r} since {held_s:.0f} s"


class Seat(Protocol):
    """One seat that is held."""

    def release(self) -> None:
        """Give the seat back."""


class LicenceBackend(Protocol):
    """Where seats are kept: files on one machine, advisory locks of a database across a fleet.

    A backend must free a seat when its holder dies, whatever the death.
    """

    def try_acquire(self, name: str, seats: int, image: str) -> Seat | None:
        """Take one of the `seats` of a licence for an image, or return None at once when all are held."""

    def holders(self, name: str, seats: int) -> tuple[Holder, ...]:
        """Who holds the seats of a licence at this moment, as far as it can be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceOptions:
    """Which licences exist and how to wait for them.

    Attributes:
        seats: number of seats by licence name; an empty mapping means that no licence is needed.
        folder: where the file-lock backend keeps its seats; processes that share it share the seats.
        timeout_s: longest wait for one licence.
    """

    seats: Mapping[str, int]
    folder: Path
    timeout_s: float = DEFAULT_TIMEOUT_S

    def __post_init__(self) -> None:
        for name, seats in self.seats.items():
            if not name.replace("_", "").replace("-", "").isalnum():
                raise UsageError(f"licence name {name!r}: use letters, digits, '-' and '_'")
            if seats < 1:
                raise UsageError(f"licence {name!r} has {seats} seats; it needs 1 or more")
        if not self.timeout_s > 0:  # NaN is not, either
            raise UsageError(f"licence timeout is {self.timeout_s} s; it must be above 0")


class LicenceOrderError(ProcessorError):
    """Code asked for licences against the global order. A fault of the program, never of an image."""


@dataclass(slots=True)
class Licences:
    """What the stages use: `with licences.hold("filter_license", image=path): ...`.

    Attributes:
        seats: number of seats by name. Names that are not configured cost nothing and are granted at once.
        longest_pause_s: between two questions for a seat that is not free; longer where a question is dear.
        waited_s: total time that this object's callers have waited for seats.
    """

    backend: LicenceBackend
    seats: Mapping[str, int]
    timeout_s: float = DEFAULT_TIMEOUT_S
    longest_pause_s: float = 0.05
    waited_s: float = 0.0
    _held: list[str] = field(default_factory=list)

    @contextmanager
    def hold(self, *names: str, image: str = "") -> Iterator[None]:
        """Hold one seat of every named licence while the block runs.

        Raises:
            LicenceOrderError: a name sorts before, or equals, one that this object holds already.
            ImageError: LICENCE_TIMEOUT, with who holds the seats.
        """
        wanted = sorted(set(names))
        if wanted and self._held and wanted[0] <= self._held[-1]:
            raise LicenceOrderError(
                f"licence {wanted[0]!r} was asked for while {self._held[-1]!r} is held; licences are taken in the "
                f"order of their names: name both in one hold(), or take {wanted[0]!r} first"
            )
        with ExitStack() as stack:
            for name in wanted:
                if name in self.seats:
                    seat = self._wait(name, image)
                    stack.callback(seat.release)
                self._held.append(name)
                stack.callback(self._held.remove, name)
            yield

    def _wait(self, name: str, image: str) -> Seat:
        seats = self.seats[name]
        began_s = time.monotonic()
        pause_s = 0.002
        seen: tuple[Holder, ...] = ()
        try:
            while True:
                seat = self.backend.try_acquire(name, seats, image)
                if seat is not None:
                    return seat
                left_s = began_s + self.timeout_s - time.monotonic()
                if left_s <= 0:
                    raise ImageError(ReasonCode.LICENCE_TIMEOUT, self._timeout_sentence(name, seen))
                if left_s <= pause_s:
                    # Before the last pause: two that wait for each other give up in the same moment.
                    seen = self.backend.holders(name, seats)
                time.sleep(min(pause_s, left_s))
                pause_s = min(pause_s * 1.5, self.longest_pause_s)
        finally:
            self.waited_s += time.monotonic() - began_s

    def _timeout_sentence(self, name: str, seen: tuple[Holder, ...]) -> str:
        seats = self.seats[name]
        holders = self.backend.holders(name, seats) or seen
        held_by = "; ".join(map(str, holders)) or "a process that has just let go"
        return (
            f"no seat of licence {name!r} ({seats} in all) became free within {self.timeout_s:g} s; held by {held_by}. "
            "Raise the number of seats or the timeout, or end the holder"
        )
