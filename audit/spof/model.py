"""The platform as things that can die: components, the parts that they consist of, and who needs them."""

from dataclasses import dataclass
from enum import StrEnum

from audit.assembly import Address


class Function(StrEnum):
    """What users do. A single point of failure is whatever stops one of these."""

    API = "API and pages"
    UPLOADS = "uploads"
    DEVELOPMENT = "development of images"
    DOWNLOADS = "downloads"


EVERYTHING = frozenset(Function)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One instance, node or gateway. A regional service has one part in no zone, which AWS keeps in several."""

    zone: str | None
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One thing of which parts can die.

    Attributes:
        resources: what it consists of in the templates.
        parts: at least those that are there at all times.
        serves: functions that stop when none of it is left; empty when everything goes on without it.
        takes_over: whether the remaining parts do the work of one that dies, without a person.
        users_see: when one part dies.
        users_see_none: when all of it is gone.
        recovery: what brings the part back, or replaces it.
        recovery_s: shortest and longest time in seconds, None where only AWS knows.
        basis: where the times come from.
    """

    name: str
    resources: tuple[Address, ...]
    parts: tuple[Part, ...]
    serves: frozenset[Function]
    takes_over: bool
    users_see: str
    users_see_none: str
    recovery: str
    recovery_s: tuple[float, float] | None
    basis: str

    @property
    def regional(self) -> bool:
        """Whether it is a service that AWS keeps in several zones."""
        return any(part.zone is None for part in self.parts)

    @property
    def zones(self) -> frozenset[str]:
        """Zones with a part."""
        return frozenset(part.zone for part in self.parts if part.zone is not None)

    def survives_part(self) -> bool:
        """Whether its functions go on when any one part dies."""
        return not self.serves or self.regional or (len(self.parts) > 1 and self.takes_over)

    def survives_zone(self, zone: str) -> bool:
        """Whether its functions go on when a zone is lost."""
        if not self.serves or self.regional or zone not in self.zones:
            return True
        return bool(self.zones - {zone}) and self.takes_over
