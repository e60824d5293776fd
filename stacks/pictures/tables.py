"""The tables of docs/network.md: network ACLs as they are read, and a request on its way there and back."""

from collections.abc import Iterator, Sequence

from stacks.pictures.facts import AclRule, Facts
from stacks.traffic import FLOWS

_WAY_IN, _WAY_OUT = "ingress", "egress"


class JourneyError(Exception):
    """The journey is no longer possible: a network ACL drops one of its packets."""


def matrix() -> str:
    """The traffic matrix."""
    rows = [(str(flow.row), flow.source, flow.target, f"TCP {flow.port}", flow.why) for flow in FLOWS]
    return table(("row", "from", "to", "port", "why"), rows)


def network_acl(facts: Facts, tier: str) -> str:
    """The rules of one tier's network ACL in the order that AWS reads them."""
    rows = [
        (_WAY_OUT if rule.egress else _WAY_IN, str(rule.number), rule.action, rule.packet, rule.block)
        for rule in facts.acls[tier]
    ]
    closing = [(way, "*", "deny", "everything else", "0.0.0.0/0") for way in (_WAY_IN, _WAY_OUT)]
    ordered = [row for way, last in zip((_WAY_IN, _WAY_OUT), closing, strict=True) for row in (*_of(rows, way), last)]
    return table(("direction", "rule", "action", "packet", "from or to"), ordered)


def _of(rows: Sequence[tuple[str, ...]], way: str) -> Iterator[tuple[str, ...]]:
    return (row for row in rows if row[0] == way)


def journey(facts: Facts) -> str:
    """A browser's request to the application and its database, and the answers, hop by hop.

    The application's task is in the second zone, load balancer node and database in the first: nothing is skipped by
    being in one subnet.
    """
    balancer, web, database = (
        _address(facts, tier, letter, host) for tier, letter, host in (
            ("public", "a", 20), ("private-app", "b", 30), ("private-db", "a", 40)
        )
    )  # fmt: skip
    browser = "198.51.100.7"

    def acl(tier: str, way: str, remote: str, port: int) -> tuple[str, str]:
        rule = _deciding(facts.acls[tier], way == _WAY_OUT, remote, port)
        return f"network ACL {tier}, {way}", f"rule {rule.number}: {rule.packet}, {rule.block}"

    to_balancer, to_web, to_database = (
        f"{browser}:52114 → {balancer}:443",
        f"{balancer}:34567 → {web}:80",
        f"{web}:40001 → {database}:5432",
    )
    from_database, from_web, from_balancer = (
        f"{database}:5432 → {web}:40001",
        f"{web}:80 → {balancer}:34567",
        f"{balancer}:443 → {browser}:52114",
    )
    stateful = "the connection is known: no rule is asked"
    rows = [
        ("browser asks DNS", "the name leads to the load balancer's public addresses, one per zone", ""),
        ("internet gateway", f"puts the load balancer's private address, {balancer}, for its public one", to_balancer),
        ("the VPC's route", f"{facts.cidr} → local, into public-a", to_balancer),
        (*acl("public", _WAY_IN, browser, 443), to_balancer),
        ("security group load-balancer, ingress", "TCP 443 from anywhere; TLS ends here", to_balancer),
        ("security group load-balancer, egress", "TCP 80 to web", to_web),
        (*acl("public", _WAY_OUT, web, 80), to_web),
        ("route table public-a", f"{facts.cidr} → local", to_web),
        (*acl("private-app", _WAY_IN, balancer, 80), to_web),
        ("security group web, ingress", "TCP 80 from load-balancer", to_web),
        ("security group web, egress", "TCP 5432 to database", to_database),
        (*acl("private-app", _WAY_OUT, database, 5432), to_database),
        ("route table private-app-b", f"{facts.cidr} → local", to_database),
        (*acl("private-db", _WAY_IN, web, 5432), to_database),
        ("security group database, ingress", "TCP 5432 from web", to_database),
        ("security group database", stateful, from_database),
        (*acl("private-db", _WAY_OUT, web, 40001), from_database),
        ("route table private-db-a", f"{facts.cidr} → local", from_database),
        (*acl("private-app", _WAY_IN, database, 40001), from_database),
        ("security group web", stateful, from_database),
        (*acl("private-app", _WAY_OUT, balancer, 34567), from_web),
        ("route table private-app-b", f"{facts.cidr} → local", from_web),
        (*acl("public", _WAY_IN, web, 34567), from_web),
        ("security group load-balancer", stateful, from_web),
        (*acl("public", _WAY_OUT, browser, 52114), from_balancer),
        ("route table public-a", "0.0.0.0/0 → internet gateway", from_balancer),
        ("internet gateway", "puts the public address back", from_balancer),
    ]
    numbered = [(str(number), *row) for number, row in enumerate(rows, start=1)]
    return table(("", "hop", "what decides", "packet"), numbered)


def _address(facts: Facts, tier: str, letter: str, host: int) -> str:
    return facts.subnets[tier, letter].rpartition(".")[0] + f".{host}"


def _deciding(rules: Sequence[AclRule], egress: bool, remote: str, port: int) -> AclRule:
    for rule in rules:
        if rule.egress is egress and rule.matches(remote, port):
            if rule.action == "allow":
                return rule
            break
    raise JourneyError(f"{'egress' if egress else 'ingress'} with {remote}, port {port}, is denied")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
