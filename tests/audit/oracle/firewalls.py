"""Security groups, network ACLs and gateways as rules of nftables.

Whatever drops a packet first writes its addresses and ports into a set, so that the hop that dropped it can be told.
"""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from tests.audit.oracle.plan import ALL_PORTS, Line, Permit, Place, Plan

ARRIVED = "arrived"
_KEY = "ip saddr . tcp sport . ip daddr . tcp dport"


def security_groups(plan: Plan, place: Place) -> str:
    """Stateful, at the interface: an answer passes because its question did."""
    chains = []
    for way, hook, end in ((False, "input", "saddr"), (True, "output", "daddr")):
        permits = [permit for group in sorted(place.groups) for permit in plan.groups[group][way]]
        rules = [f"{peer} jump passed_{hook}" for permit in permits for peer in _peers(plan, permit, end)]
        chains.append(
            f"chain {hook} {{\n type filter hook {hook} priority 0; policy accept;\n"
            f' meta oifname "lo" accept\n meta iifname "lo" accept\n ct state established,related accept\n '
            + "\n ".join([*rules, f"add @dropped_{hook} {{ {_KEY} }} drop", "drop"])
            + "\n}"
        )
    sets = _sets(ARRIVED, "dropped_input", "dropped_output")
    passed = (
        f"chain passed_input {{\n add @{ARRIVED} {{ {_KEY} }} accept\n accept\n}}\nchain passed_output {{\n accept\n}}"
    )
    return f"table ip group {{\n{sets}\n{passed}\n" + "\n".join(chains) + "\n}"


def _peers(plan: Plan, permit: Permit, end: str) -> Iterator[str]:
    first, last = permit.ports
    if first > last:
        return
    ports = _ports(permit.ports)
    if permit.block is not None:
        yield f"ip {end} {permit.block} {ports}"
    members = [str(place.address) for place in plan.places if permit.group in place.groups]
    if members:
        yield f"ip {end} {{ {', '.join(members)} }} {ports}"


def network_acl(lines: dict[bool, tuple[Line, ...]]) -> str:
    """Stateless, at the subnet's edge: the first line that matches decides about each packet alone."""
    chains, names = [], []
    for way, name, end in ((False, "ingress", "saddr"), (True, "egress", "daddr")):
        rules = []
        for line in lines[way]:
            match = f"ip {end} {line.block} {_ports(line.ports)}"
            if line.allow:
                rules.append(f"{match} accept")
            else:
                names.append(dropped_by(line, name))
                rules.append(f"{match} add @{names[-1]} {{ {_KEY} }} drop")
        chains.append(f"chain {name} {{\n " + "\n ".join([*rules, "drop"]) + "\n}")
    hook = (
        "chain forward {\n type filter hook forward priority 0; policy accept;\n"
        ' iifname "bridge0" oifname != "bridge0" jump egress\n iifname != "bridge0" oifname "bridge0" jump ingress\n}'
    )
    return f"table ip acl {{\n{_sets(*names)}\n" + "\n".join([*chains, hook]) + "\n}"


def dropped_by(line: Line, way: str) -> str:
    """The name of the set of what a line drops."""
    return f"{way}_{'rest' if line.number is None else line.number}"


def nat_gateway(address: IPv4Address, blocks: tuple[IPv4Network, ...]) -> str:
    """Rewrites sources to its own address and any of its ports; takes nothing that it did not send for."""
    inside = ", ".join(map(str, blocks))
    return f"""
table ip nat {{
 chain out {{
  type nat hook postrouting priority 100; policy accept;
  ip saddr != {address} meta l4proto tcp snat to {address}:1024-65535 fully-random
 }}
 chain forward {{
  type filter hook forward priority 0; policy drop;
  ct state established,related accept
  ip saddr {{ {inside} }} ct state new accept
 }}
 chain input {{
  type filter hook input priority 0; policy drop;
  ct state established,related accept
 }}
}}"""


def internet_gateway(public: dict[IPv4Address, IPv4Address]) -> str:
    """Exchanges each private address with its public one, and passes nobody who has none."""
    into = "\n".join(f'  iifname "net" ip daddr {outer} dnat to {inner}' for inner, outer in public.items())
    out = "\n".join(f'  oifname "net" ip saddr {inner} snat to {outer}' for inner, outer in public.items())
    known = f'  iifname "vpc" ip saddr {{ {", ".join(map(str, public))} }} accept\n' if public else ""
    return f"""
table ip igw {{
{_sets("dropped")}
 chain into {{
  type nat hook prerouting priority -100; policy accept;
{into}
 }}
 chain out {{
  type nat hook postrouting priority 100; policy accept;
{out}
 }}
 chain forward {{
  type filter hook forward priority 0; policy accept;
  ct state established,related accept
{known}  iifname "net" ct status dnat accept
  add @dropped {{ {_KEY} }} drop
  drop
 }}
}}"""


def router() -> str:
    """Notes what no route takes anywhere."""
    return f"""
table ip router {{
{_sets("no_route")}
 chain forward {{
  type filter hook forward priority 0; policy accept;
  oifname "nowhere" add @no_route {{ {_KEY} }} drop
  oifname "nowhere" drop
 }}
}}"""


def outside() -> str:
    """Notes what arrives; nothing is filtered out there."""
    return f"""
table ip outside {{
{_sets(ARRIVED)}
 chain input {{
  type filter hook input priority 0; policy accept;
  tcp flags & (syn | ack) == syn add @{ARRIVED} {{ {_KEY} }} accept
 }}
}}"""


def _sets(*names: str) -> str:
    kind = "type ipv4_addr . inet_service . ipv4_addr . inet_service"
    return "\n".join(f" set {name} {{\n  {kind}\n  flags dynamic\n  size 1000000\n }}" for name in dict.fromkeys(names))


def _ports(ports: tuple[int, int]) -> str:
    return "meta l4proto tcp" if ports == ALL_PORTS else f"tcp dport {ports[0]}-{ports[1]}"
