"""The network as it decides over packets: subnets, filters, routes, and the interfaces that send and receive."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Network

from audit.assembly import Address
from audit.reach.packets import EVERY_PORT, Interval, PacketSet


class Kind(StrEnum):
    """What an interface belongs to."""

    INSTANCE = "instance"
    TASK = "task"
    FUNCTION = "function"
    LOAD_BALANCER = "load balancer"
    DATABASE = "database"
    CACHE = "cache"
    ENDPOINT = "interface endpoint"
    NAT = "nat gateway"


class Way(StrEnum):
    """Where a route leads."""

    LOCAL = "local"
    INTERNET = "internet gateway"
    NAT = "nat gateway"
    ENDPOINT = "gateway endpoint"
    NOWHERE = "nowhere"


@dataclass(frozen=True, slots=True, kw_only=True)
class AclRule:
    """One rule of a network ACL; the first that matches a packet decides.

    Attributes:
        number: its place in the order; None for the last one, which denies what is left.
        packets: what it matches.
    """

    number: int | None
    allow: bool
    packets: PacketSet
    name: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkAcl:
    """A stateless filter at a subnet's edge, rules in order. Equal to itself alone, which is cheap to find out."""

    name: str
    ingress: tuple[AclRule, ...]
    egress: tuple[AclRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRule:
    """One rule of a security group; every one of them allows.

    Attributes:
        packets: protocol and ports; addresses too when the peer is a block.
        group: the other end's security group, when the rule refers to one.
        prefix_list: id of a list of AWS's addresses, when the rule refers to one.
    """

    packets: PacketSet
    name: str
    group: Address | None = None
    prefix_list: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroup:
    """A stateful filter at interfaces: whatever answers an allowed packet passes."""

    address: Address
    name: str
    ingress: tuple[GroupRule, ...]
    egress: tuple[GroupRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One entry of a route table.

    Attributes:
        block: the destinations, or None for a gateway endpoint's, whose addresses only AWS knows.
        service: name of the gateway endpoint's service, such as `s3`.
        target: the NAT gateway.
    """

    way: Way
    name: str
    block: IPv4Network | None = None
    service: str | None = None
    target: Address | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subnet:
    """One subnet with what guards it."""

    address: Address
    name: str
    block: IPv4Network
    zone: str
    vpc: Address
    acl: NetworkAcl
    routes: tuple[Route, ...]
    gives_public_addresses: bool = False

    @property
    def route_to_internet(self) -> bool:
        """Whether it is a public subnet."""
        return any(route.way is Way.INTERNET for route in self.routes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A resource's place in one subnet. It has some address of the subnet's block; nobody knows which.

    Attributes:
        groups: security groups; the VPC's default one has the VPC's address.
        public: whether it has a public address beside its own.
        client_ports: the source ports that it opens connections from.
        service: what an interface endpoint leads to, such as `ssm`.
    """

    owner: Address
    name: str
    kind: Kind
    subnet: Address
    groups: frozenset[Address]
    public: bool = False
    client_ports: Interval = EVERY_PORT
    service: str = ""

    def __str__(self) -> str:
        return f"{self.owner.logical_id} @ {self.subnet.logical_id}"


@dataclass(frozen=True, kw_only=True)
class Network:
    """Everything that decides over packets in an assembly, and everything that sends them."""

    blocks: Mapping[Address, tuple[IPv4Network, ...]]
    subnets: Mapping[Address, Subnet]
    groups: Mapping[Address, SecurityGroup]
    interfaces: tuple[Interface, ...]
    on_internet: frozenset[Address] = frozenset()
    """VPCs that an internet gateway is attached to."""
    prefix_lists: Mapping[str, str] = field(default_factory=dict)
    """Service by the id of its prefix list, as far as the reader of the templates was told."""

    @property
    def zones(self) -> tuple[str, ...]:
        """Availability zones with a subnet."""
        return tuple(sorted({subnet.zone for subnet in self.subnets.values()}))

    def without_zone(self, zone: str) -> "Network":
        """The network after everything in a zone is gone. Routes to what is gone stay and lead nowhere."""
        subnets = {address: subnet for address, subnet in self.subnets.items() if subnet.zone != zone}
        return replace(
            self,
            subnets=subnets,
            interfaces=tuple(interface for interface in self.interfaces if interface.subnet in subnets),
        )
