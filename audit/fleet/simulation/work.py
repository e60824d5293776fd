"""What a simulated fleet is given to do, and what befalls it meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class PoisonKind(StrEnum):
    """What an image does to whoever develops it."""

    CRASH = "crash"
    """Its child crashes: this image is blamed, tried again, and given up at the last try."""
    HANG = "hang"
    """Its child is killed at the time limit; the rest as for a crash."""
    KILL = "kill"
    """The whole task dies, with everything that it has in hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """Images that cannot be developed: their share of all, and the share of each kind among them."""

    share: float
    kinds: Sequence[tuple[PoisonKind, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """So many images are queued at this second."""

    at_s: float
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneLoss:
    """A zone, by its place among the fleet's zones, is gone from `at_s` for `for_s` seconds."""

    at_s: float
    for_s: float
    zone: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotReclaims:
    """How often EC2 takes one Spot instance back: per instance and hour."""

    per_hour: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One scenario as the simulation runs it.

    Attributes:
        sends: in the order of their time.
        horizon_s: simulated at least until here, which is what is paid for.
        patience_s: simulated at most until here, drained or not.
    """

    sends: Sequence[Send]
    horizon_s: float = 0.0
    patience_s: float = 60 * 86_400.0
    poison: Poison | None = None
    zone_losses: Sequence[ZoneLoss] = ()
    spot: SpotReclaims | None = None

    @property
    def images(self) -> int:
        """All that are queued."""
        return sum(send.images for send in self.sends)
