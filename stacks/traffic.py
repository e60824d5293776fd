"""The traffic matrix: who may open a connection to whom. Security groups and network ACLs are both derived from it.

To let something new through, append a row; to close something, delete its row. Nothing else in `stacks` names a port.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """A row of the subnet map. Each tier has a subnet in every zone, and one network ACL."""

    PUBLIC = "public"
    APP = "private-app"
    DB = "private-db"


class Party(StrEnum):
    """An end of a flow. All but the internet and S3 have a security group of their own."""

    INTERNET = "internet"
    S3 = "S3"
    LOAD_BALANCER = "load balancer"
    WEB = "web"
    WORKERS = "workers"
    ENDPOINTS = "interface endpoints"
    DATABASE = "database"
    SESSION_STORE = "session store"


@dataclass(frozen=True, kw_only=True)
class Ports:
    """A range of TCP ports, both ends included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.last <= 65_535:
            raise ValueError(f"ports {self.first}-{self.last}: allowed 1 to 65535, first not above last")

    @classmethod
    def only(cls, port: int) -> "Ports":
        """The range of one port."""
        return cls(first=port, last=port)

    def covers(self, other: "Ports") -> bool:
        """Whether every port of the other range is in this one."""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One row: `source` may open TCP connections to `port` of `target`.

    Attributes:
        row: the row's own number, never used again for another row. Network ACL rules are numbered after it, so that
            adding or deleting a row replaces no rule of another one.
        why: ends up as the description of the security group rules.
    """

    row: int
    source: Party
    target: Party
    port: int
    why: str

    def __post_init__(self) -> None:
        if not 1 <= self.row <= 300:
            raise ValueError(f"row {self.row}: allowed 1 to 300, as network ACL rules end at 32766")
        Ports.only(self.port)
        if not re.fullmatch(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,200}", self.why):
            raise ValueError(f"row {self.row}: why {self.why!r}: allowed 1 to 200 characters that EC2 takes")
        if (HOME[self.source] is None and HOME[self.target] is None) or self.source in PASSIVE:
            raise ValueError(f"row {self.row}: {self.source} to {self.target}: the source must open connections here")

    def __str__(self) -> str:
        return f"row {self.row}: {self.source} to {self.target}:{self.port}"


HOME: dict[Party, Tier | None] = {
    Party.INTERNET: None,
    Party.S3: None,
    Party.LOAD_BALANCER: Tier.PUBLIC,
    Party.WEB: Tier.APP,
    Party.WORKERS: Tier.APP,
    Party.ENDPOINTS: Tier.APP,
    Party.DATABASE: Tier.DB,
    Party.SESSION_STORE: Tier.DB,
}
"""The tier that each party's network interfaces are in; None is outside the VPC."""

PASSIVE = frozenset({Party.S3, Party.ENDPOINTS, Party.DATABASE, Party.SESSION_STORE})
"""Parties that answer and never call."""

NAT_PORTS = Ports(first=1024, last=65_535)
"""Source ports of a NAT gateway on its side of the internet."""

_LINUX_PORTS = Ports(first=32_768, last=60_999)  # net.ipv4.ip_local_port_range of the kernels we run on

CLIENT_PORTS: dict[Party, Ports] = {
    Party.INTERNET: Ports(first=1024, last=65_535),
    Party.LOAD_BALANCER: Ports(first=1024, last=65_535),
    Party.WEB: _LINUX_PORTS,
    Party.WORKERS: _LINUX_PORTS,
}
"""The ports that a party calls from, which are the ports that its answers come back to."""

FLOWS: tuple[Flow, ...] = (
    Flow(row=1, source=Party.INTERNET, target=Party.LOAD_BALANCER, port=443, why="Browsers and API clients"),
    Flow(row=2, source=Party.INTERNET, target=Party.LOAD_BALANCER, port=80, why="Only to be redirected to 443"),
    Flow(row=3, source=Party.LOAD_BALANCER, target=Party.WEB, port=80, why="Requests and health checks"),
    Flow(row=4, source=Party.WEB, target=Party.DATABASE, port=5432, why="Jobs and images"),
    Flow(row=5, source=Party.WORKERS, target=Party.DATABASE, port=5432, why="Status of images, licence seats"),
    Flow(row=6, source=Party.WEB, target=Party.SESSION_STORE, port=6379, why="Sessions and rate limits"),
    Flow(row=7, source=Party.WEB, target=Party.INTERNET, port=443, why="AWS and external APIs, through NAT"),
    Flow(row=8, source=Party.WORKERS, target=Party.INTERNET, port=443, why="AWS and external APIs, through NAT"),
    Flow(row=9, source=Party.WEB, target=Party.S3, port=443, why="Checks of uploads, through the gateway endpoint"),
    Flow(row=10, source=Party.WORKERS, target=Party.S3, port=443, why="Originals and renditions, gateway endpoint"),
    Flow(row=11, source=Party.WEB, target=Party.ENDPOINTS, port=443, why="AWS APIs inside the VPC"),
    Flow(row=12, source=Party.WORKERS, target=Party.ENDPOINTS, port=443, why="AWS APIs inside the VPC"),
)


def listening_port(party: Party) -> int:
    """The one port that a party listens on.

    Raises:
        ValueError: the matrix lets calls through to none of the party's ports, or to several.
    """
    ports = sorted({flow.port for flow in FLOWS if flow.target is party})
    if len(ports) != 1:
        raise ValueError(f"{party}: ports {ports}: allowed one, for this party to listen on")
    return ports[0]
