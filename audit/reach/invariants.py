"""What must hold in a network, read from a TOML file: who is who, who may talk to whom, and what must never be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from audit.errors import AuditError, Problem
from audit.toml import read_toml

Port = Annotated[int, Field(ge=0, le=65_535)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Party(_Strict):
    """Interfaces that go by one name.

    Attributes:
        group: construct path of a security group; an interface that has it belongs to the party.
        kind: what every interface of this kind has to belong to, such as `database`.
        service: a service behind a gateway endpoint.
    """

    group: str | None = None
    kind: str | None = None
    service: str | None = None


class Flow(_Strict):
    """`source` may open connections to these ports of `target`, from every zone to every zone."""

    source: str
    target: str
    ports: tuple[Port, ...] = Field(min_length=1, strict=False)
    protocol: Literal["tcp", "udp"] = "tcp"


class Never(_Strict):
    """What must not be, however the rest looks.

    Attributes:
        internet: parties that no packet leaves for the internet, and whose subnets have no route there.
        through_nat: services that are never reached through a NAT gateway.
        ports: ports that are reached by nobody.
        through_one_layer: parties that the internet would not reach even if security groups, or network ACLs, let
            everything pass and they had public addresses and routes.
    """

    internet: tuple[str, ...] = Field(default=(), strict=False)
    through_nat: tuple[str, ...] = Field(default=(), strict=False)
    ports: tuple[Port, ...] = Field(default=(), strict=False)
    through_one_layer: tuple[str, ...] = Field(default=(), strict=False)


class Invariants(_Strict):
    """The whole file."""

    parties: Mapping[str, Party]
    flows: tuple[Flow, ...] = Field(strict=False)
    never: Never = Never()
    own_zone_nat: bool = True
    endpoints: tuple[str, ...] = Field(default=(), strict=False)
    """Services with an interface endpoint in every zone."""


def read_invariants(path: Path) -> Invariants:
    """The invariants of a file.

    Raises:
        AuditError: it cannot be read, has an unknown key, or names a party that it does not define.
    """
    invariants = read_toml(path, Invariants)
    named = {
        "flows": [name for flow in invariants.flows for name in (flow.source, flow.target)],
        "never.internet": invariants.never.internet,
        "never.through_nat": invariants.never.through_nat,
        "never.through_one_layer": invariants.never.through_one_layer,
    }
    known = {*invariants.parties, "internet"}
    problems = [
        Problem(where=f"{path}: {key}", why=f"{name!r} is no party; defined are {', '.join(sorted(known))}")
        for key, names in named.items()
        for name in sorted(set(names) - known)
    ]
    if problems:
        raise AuditError(problems)
    return invariants
