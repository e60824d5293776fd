"""How long one image takes on one core: measured figures, and a distribution made of them."""

import bisect
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from audit.errors import AuditError, Problem
from audit.fleet.documents import Strict, checked, read_json

SERVICE_TIMES = Path(__file__).with_name("service_times.json")
POOL = 1 << 16
"""Images whose times are drawn once and then used in turn."""
Seconds = Annotated[float, Field(gt=0)]


class Camera(Strict):
    """Originals of one kind, and what one core took for each image.

    Attributes:
        megapixels, original_mb, renditions_mb: sizes; renditions are all that is delivered of one image.
        seconds: processor seconds of one image, one entry an image that was measured.
    """

    megapixels: Annotated[float, Field(gt=0)]
    original_mb: Annotated[float, Field(gt=0)]
    renditions_mb: Annotated[float, Field(ge=0)]
    seconds: tuple[Seconds, ...] = Field(min_length=5)


class ServiceTimes(Strict):
    """A file of measured figures.

    Attributes:
        measured_on: the day, as YYYY-MM-DD.
        machine: what it was measured on.
        source: the command that measured it.
        recipe: what was made of every image.
        cameras: by name.
    """

    measured_on: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
    machine: str
    source: str
    recipe: str
    cameras: dict[str, Camera] = Field(min_length=1)

    @model_validator(mode="after")
    def _named(self) -> "ServiceTimes":
        if any(not name for name in self.cameras):
            raise ValueError("a camera without a name")
        return self

    def mix(self, shares: dict[str, float], *, where: str) -> list[tuple[Camera, float]]:
        """Cameras with their shares of all images, which add up to 1; all alike when no share is given.

        Raises:
            AuditError: a camera was not measured.
        """
        shares = shares or dict.fromkeys(self.cameras, 1.0)
        unknown = sorted(shares.keys() - self.cameras.keys())
        if unknown:
            known = ", ".join(self.cameras)
            raise AuditError(
                Problem(where=f"{where}: cameras: {name}", why=f"was not measured; there are {known}")
                for name in unknown
            )
        total = sum(shares.values())
        return [(self.cameras[name], share / total) for name, share in shares.items()]


def read_service_times(path: Path = SERVICE_TIMES) -> ServiceTimes:
    """The measured figures of a file.

    Raises:
        AuditError: the file is not what it should be.
    """
    return checked(ServiceTimes, read_json(path), str(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Seconds of one process for one image after the other: processor time, which a faster core shortens, and transfer.

    `ends_s[i]` is when a process that begins with the first is done with image `i` (at speed 1); `ends_s[0]` is 0.
    """

    ends_s: NDArray[np.float64]

    @classmethod
    def drawn(
        cls, mix: list[tuple[Camera, float]], *, speed: float, transfer_mb_per_s: float, seed: int, pool: int = POOL
    ) -> "Times":
        """Times drawn from measured ones: the camera by its share, then one of its images."""
        chance = np.random.default_rng(seed)
        which = chance.choice(len(mix), size=pool, p=[share for _, share in mix])
        seconds = np.empty(pool)
        for number, (camera, _) in enumerate(mix):
            chosen = which == number
            moved_s = (camera.original_mb + camera.renditions_mb) / transfer_mb_per_s
            measured = np.asarray(camera.seconds)
            seconds[chosen] = chance.choice(measured, size=int(chosen.sum())) / speed + moved_s
        return cls.of(seconds)

    @classmethod
    def of(cls, seconds: NDArray[np.float64] | list[float]) -> "Times":
        """Exactly these, in turn."""
        return cls(ends_s=np.concatenate([[0.0], np.cumsum(seconds)]))

    @property
    def mean_s(self) -> float:
        """Seconds of one image."""
        return float(self.ends_s[-1]) / (len(self.ends_s) - 1)


class Clock:
    """Hands out times, one stretch of images after the other."""

    def __init__(self, times: Times, *, begin: int = 0) -> None:
        # Plain floats: an index into an array costs more than the rest of a step.
        self._ends_s: list[float] = times.ends_s.tolist()
        self._last = len(self._ends_s) - 1
        self._next = begin % self._last

    def take(self, count: int) -> "Stretch":
        """Seconds for so many images in a row, at most half of the pool."""
        if self._next + count > self._last:
            self._next = 0
        first = self._next
        self._next += count
        return Stretch(self._ends_s, first, count)


class Stretch:
    """Images that one process develops one after the other."""

    __slots__ = ("_ends_s", "_first", "count", "seconds")

    def __init__(self, ends_s: list[float], first: int, count: int) -> None:
        self._ends_s, self._first, self.count = ends_s, first, count
        self.seconds = ends_s[first + count] - ends_s[first]

    def done_after(self, elapsed_s: float) -> int:
        """Images that are finished so long after the beginning, to the rounding of a float."""
        end = self._ends_s[self._first] + elapsed_s + 1e-9
        at = bisect.bisect_right(self._ends_s, end, self._first, self._first + self.count + 1)
        return max(0, at - 1 - self._first)
