"""Builds a plan out of namespaces: one for each interface, subnet, gateway and for what is outside.

An interface's namespace holds its security groups. A subnet's bridges its interfaces, so that no network ACL sees what
stays inside, and forwards the rest through its network ACL to the router. The router has a routing table for each
subnet. A NAT gateway is an interface that forwards. Nothing is connected to the machine's own network.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import count

from tests.audit.oracle import firewalls
from tests.audit.oracle.kernel import Namespace
from tests.audit.oracle.plan import INTERNET, S3, Area, Plan
from tests.audit.oracle.templates import Id

_S3_BLOCK, _PUBLIC = IPv4Network("203.0.113.0/24"), IPv4Network("192.0.2.0/24")
_FIRST_TABLE = 1000


@dataclass(frozen=True, kw_only=True)
class World:
    """A network that runs.

    Attributes:
        ends: namespaces that open and take connections, by address.
        public: public addresses by private ones.
        router: with `igw` and `areas`, what may drop packets on the way.
    """

    plan: Plan
    ends: dict[IPv4Address, Namespace]
    public: dict[IPv4Address, IPv4Address]
    router: Namespace
    igw: Namespace
    areas: dict[Id, Namespace]


@contextmanager
def world(plan: Plan) -> Iterator[World]:
    """The network of a plan while the block runs."""
    with ExitStack() as cleanup:

        def namespace(name: str) -> Namespace:
            made = Namespace(name)
            cleanup.callback(made.close)
            conf = {f"conf__{which}__{key}": 0 for which in ("all", "default") for key in _OFF}
            made.set(**conf, conf__all__forwarding=1, tcp_syn_retries=2)
            made.ip(["link set lo up"])
            return made

        yield _Builder(plan, namespace).build()


_OFF = ("rp_filter", "send_redirects", "accept_redirects")


class _Builder:
    def __init__(self, plan: Plan, namespace: Callable[[str], Namespace]) -> None:
        self._plan = plan
        self._links = count()
        self._ups: dict[Id, IPv4Address] = {}
        self._router, self._igw = namespace("router"), namespace("internet gateway")
        self._net, self._s3 = namespace("internet"), namespace("s3")
        self._areas = {area: namespace(".".join(area)) for area in plan.areas}
        self._places = [(place, namespace(f"{'.'.join(place.owner)} {place.address}")) for place in plan.places]
        public = [place.address for place in plan.places if place.public]
        self._public = {inner: _PUBLIC[index] for index, inner in enumerate(public, start=1)}

    def build(self) -> World:
        self._outside()
        for index, area in enumerate(self._plan.areas.values()):
            self._area(f"r{index}", area)
        for place, namespace in self._places:
            if place.gateway:
                namespace.nft(firewalls.nat_gateway(place.address, self._plan.blocks))
            else:
                namespace.nft(firewalls.security_groups(self._plan, place))
        self._routes()
        ends = {place.address: namespace for place, namespace in self._places}
        return World(
            plan=self._plan,
            ends={**ends, INTERNET: self._net, S3: self._s3},
            public=self._public,
            router=self._router,
            igw=self._igw,
            areas=self._areas,
        )

    def _link(self, here: Namespace, device: str, there: Namespace, other: str) -> tuple[IPv4Address, IPv4Address]:
        """A cable between two namespaces, with an address at both ends; neither has to ask for the other."""
        near = IPv4Address("169.254.0.0") + 2 * next(self._links)
        far = near + 1
        here.ip(
            [
                f"link add {device} address {_mac(near)} type veth peer name {other} address {_mac(far)} "
                f"netns {there.path}",
                f"address add {near}/31 dev {device}",
                f"link set {device} up",
                f"neighbour replace {far} lladdr {_mac(far)} dev {device} nud permanent",
            ]
        )
        there.ip(
            [
                f"address add {far}/31 dev {other}",
                f"link set {other} up",
                f"neighbour replace {near} lladdr {_mac(near)} dev {other} nud permanent",
            ]
        )
        return near, far

    def _outside(self) -> None:
        """Internet gateway, internet and S3, which is reached through an endpoint or through the internet."""
        router, self._to_igw = self._link(self._router, "igw", self._igw, "vpc")
        gateway, net = self._link(self._igw, "net", self._net, "igw")
        router_of_s3, self._to_s3 = self._link(self._router, "s3", self._s3, "vpc")
        net_of_s3, s3 = self._link(self._net, "s3", self._s3, "net")
        blocks = self._plan.blocks
        self._igw.ip([*(f"route add {block} via {router}" for block in blocks), f"route add default via {net}"])
        self._net.ip(
            [
                f"address add {INTERNET}/32 dev lo",
                f"route add default via {gateway} src {INTERNET}",
                f"route add {_S3_BLOCK} via {s3}",
            ]
        )
        self._s3.ip(
            [
                f"address add {S3}/32 dev lo",
                *(f"route add {block} via {router_of_s3} src {S3}" for block in blocks),
                f"route add default via {net_of_s3} src {S3}",
            ]
        )
        self._igw.nft(firewalls.internet_gateway(self._public))
        for namespace in (self._net, self._s3):
            namespace.nft(firewalls.outside())

    def _area(self, device: str, area: Area) -> None:
        """A subnet: the bridge, its gateway address, its interfaces and its network ACL."""
        namespace, gateway = self._areas[area.id], area.block[1]
        near, self._ups[area.id] = self._link(self._router, device, namespace, "uplink")
        inside = [(place, other) for place, other in self._places if place.area == area.id]
        lines = [
            f"link add bridge0 address {_mac(gateway)} type bridge",
            f"address add {gateway}/{area.block.prefixlen} dev bridge0",
            "link set bridge0 up",
            f"route add default via {near}",
        ]
        for index, (place, other) in enumerate(inside):
            lines += [
                f"link add p{index} type veth peer name eth address {_mac(place.address)} netns {other.path}",
                f"link set p{index} master bridge0 up",
                f"neighbour replace {place.address} lladdr {_mac(place.address)} dev bridge0 nud permanent",
            ]
        namespace.ip(lines)
        for place, other in inside:
            neighbours = [gateway, *(item.address for item, _ in inside if item is not place)]
            other.ip(
                [
                    f"address add {place.address}/{area.block.prefixlen} dev eth",
                    "link set eth up",
                    f"route add default via {gateway}",
                    *(f"neighbour replace {item} lladdr {_mac(item)} dev eth nud permanent" for item in neighbours),
                ]
            )
        namespace.nft(firewalls.network_acl(self._plan.acls[area.acl]))

    def _routes(self) -> None:
        """A routing table for each subnet, by where a packet comes from."""
        areas = list(self._plan.areas.values())
        local = [f"{area.block} via {self._ups[area.id]}" for area in areas]
        gateways = self._to_gateways()
        lines = ["link add nowhere type veth peer name nothing", "link set nowhere up", "link set nothing up"]
        lines += [f"route add {route}" for route in local]
        for index, area in enumerate(areas):
            table = _FIRST_TABLE + index
            lines.append(f"rule add iif r{index} lookup {table}")
            lines += [f"route add {route} table {table}" for route in local]
            for lane in area.lanes:
                if lane.block is None:
                    lines.append(f"route replace {_S3_BLOCK} via {self._to_s3} table {table}")
                elif lane.internet:
                    lines.append(f"route replace {lane.block} via {self._to_igw} table {table}")
                elif lane.by in gateways:
                    lines.append(f"route replace {lane.block} via {gateways[lane.by]} table {table}")
            # Last, or the kernel would look for the next hops of the others there.
            lines.append(f"route add default dev nowhere metric 9999 table {table}")
        self._router.ip(lines)
        self._router.nft(firewalls.router())

    def _to_gateways(self) -> dict[Id, IPv4Address]:
        """A way of its own to each NAT gateway, past the network ACL of the gateway's subnet like any other."""
        found: dict[Id, IPv4Address] = {}
        for index, place in enumerate(place for place in self._plan.places if place.gateway):
            area = self._areas[place.area]
            _, found[place.owner] = self._link(self._router, f"n{index}", area, f"n{index}")
            table = _FIRST_TABLE + index
            area.ip(
                [
                    f"rule add iif n{index} lookup {table}",
                    f"route add default via {place.address} dev bridge0 table {table}",
                ]
            )
        return found


def _mac(address: IPv4Address) -> str:
    return ":".join(f"{part:02x}" for part in (2, 0, *address.packed))
