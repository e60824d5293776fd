"""The traffic matrix against the design, and the firewall that is derived from it."""

from collections.abc import Sequence
from ipaddress import IPv4Network

import pytest

from stacks.firewall import network_acl, security_groups
from stacks.firewall.network_acl import Direction, rules_of
from stacks.traffic import FLOWS, Flow, Party, Ports, Tier
from tests.stacks.firewall import firewall_of
from tests.stacks.packets import INTERNET, S3, TIER, acl_lets_through, blocked_hops, open_group_rules
from tests.stacks.template import Template, ref

DESIGN = (
    (INTERNET, "load-balancer", 443),
    (INTERNET, "load-balancer", 80),
    ("load-balancer", "web", 80),
    ("web", "database", 5432),
    ("workers", "database", 5432),
    ("web", "session-store", 6379),
    ("web", INTERNET, 443),
    ("workers", INTERNET, 443),
    ("web", S3, 443),
    ("workers", S3, 443),
    ("web", "interface-endpoints", 443),
    ("workers", "interface-endpoints", 443),
)
"""The design's table, written down a second time on purpose: taking a row out of the code must not go unnoticed."""


def _name(flow: tuple[str, str, int]) -> str:
    return f"{flow[0]} -> {flow[1]}:{flow[2]}"


def _place(rule: network_acl.Rule) -> tuple[Direction, int]:
    return rule.direction, rule.number


def _rows(flows: Sequence[Flow]) -> set[tuple[str, str, int]]:
    return {(flow.source.value.replace(" ", "-"), flow.target.value.replace(" ", "-"), flow.port) for flow in flows}


@pytest.mark.parametrize("flow", DESIGN, ids=_name)
def test_every_flow_of_the_design_is_a_row_of_the_matrix(flow: tuple[str, str, int]) -> None:
    assert flow in _rows(FLOWS), f"the traffic matrix has no row for {_name(flow)}; add it to stacks/traffic.py"


def test_the_matrix_has_no_row_that_the_design_does_not_name() -> None:
    added = sorted(_name(flow) for flow in _rows(FLOWS) - set(DESIGN))
    assert not added, f"new in the traffic matrix: {', '.join(added)}; add it to the design's table here if it is meant"


@pytest.mark.parametrize("flow", DESIGN, ids=_name)
def test_every_flow_gets_through_and_its_answers_come_back(template: Template, flow: tuple[str, str, int]) -> None:
    blocked = list(blocked_hops(template, *flow))
    assert not blocked, "\n".join(blocked)


def test_security_groups_open_what_the_design_names_and_nothing_else(template: Template) -> None:
    expected: set[tuple[str, str, str, int]] = set()
    for source, target, port in DESIGN:
        if source in TIER:
            expected.add((source, "egress", target if target in TIER else "0.0.0.0/0", port))
        if target in TIER:
            expected.add((target, "ingress", source if source in TIER else "0.0.0.0/0", port))
    assert open_group_rules(template) == expected


@pytest.mark.parametrize(
    ("subnet", "remote", "port", "egress"),
    [
        ("private-db-a", "198.51.100.7", 5432, False),
        ("private-db-a", "198.51.100.7", 443, True),
        ("private-db-a", "198.51.100.7", 40000, True),
        ("private-db-a", "10.0.1.9", 5432, False),
        ("private-db-a", "10.0.11.9", 5433, False),
        ("private-app-a", "198.51.100.7", 80, False),
        ("private-app-a", "198.51.100.7", 443, False),
        ("private-app-a", "198.51.100.7", 5432, True),
        ("private-app-a", "198.51.100.7", 40000, True),
        ("private-app-a", "10.0.21.9", 40000, True),
    ],
)
def test_what_no_flow_needs_stays_shut(prod: Template, subnet: str, remote: str, port: int, egress: bool) -> None:
    assert not acl_lets_through(prod, subnet, remote, port, egress=egress)


def test_ssh_is_denied_before_any_other_rule_is_read(template: Template) -> None:
    entries = template.all("AWS::EC2::NetworkAclEntry").values()
    for acl in template.all("AWS::EC2::NetworkAcl"):
        for egress in (False, True):
            rules = [rule for rule in entries if ref(rule["NetworkAclId"]) == acl and rule["Egress"] is egress]
            first = min(rules, key=lambda rule: int(rule["RuleNumber"]))
            assert (first["RuleAction"], first["CidrBlock"], first["PortRange"]) == (
                "deny",
                "0.0.0.0/0",
                {"From": 22, "To": 22},
            )


def test_rule_numbers_are_unique_and_within_the_quota_of_aws(template: Template) -> None:
    entries = template.all("AWS::EC2::NetworkAclEntry").values()
    for acl in template.all("AWS::EC2::NetworkAcl"):
        for egress in (False, True):
            numbers = [
                rule["RuleNumber"] for rule in entries if ref(rule["NetworkAclId"]) == acl and rule["Egress"] is egress
            ]
            assert len(numbers) == len(set(numbers)) <= 20


def _addresses(zones: str = "ab") -> network_acl.Addresses:
    return {
        tier: {letter: IPv4Network(f"10.0.{offset + n}.0/24") for n, letter in enumerate(zones, start=1)}
        for tier, offset in zip(Tier, (0, 10, 20), strict=True)
    }


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_a_flow_gets_through_by_its_own_row_alone(flow: Flow) -> None:
    """With all rows, the rules of one often serve another, and a way back that is forgotten would not be missed."""
    source, target, port = next(iter(_rows([flow])))
    assert list(blocked_hops(firewall_of([flow], _addresses()), source, target, port)) == []


@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_a_network_without_a_row_stops_that_flow_and_says_so(flow: Flow) -> None:
    # To a firewall S3 is an address on the internet: either row alone lets the packets of both through.
    outside = {Party.S3, Party.INTERNET}
    gone = {flow} | {other for other in FLOWS if other.source is flow.source and {flow.target, other.target} <= outside}
    rest = [other for other in FLOWS if other not in gone]
    source, target, port = next(iter(_rows([flow])))
    blocked = list(blocked_hops(firewall_of(rest, _addresses()), source, target, port))
    assert blocked, f"nothing misses {flow}"
    assert all(line.startswith(f"{source} -> {target}:{port}: ") for line in blocked)


@pytest.mark.parametrize("gone", FLOWS, ids=str)
def test_deleting_a_row_changes_no_rule_number_of_another(gone: Flow) -> None:
    for tier in Tier:
        before = {_place(rule): rule for rule in rules_of(tier, flows=FLOWS, addresses=_addresses())}
        rest = [flow for flow in FLOWS if flow is not gone]
        for rule in rules_of(tier, flows=rest, addresses=_addresses()):
            assert before.get(_place(rule), rule) == rule


@pytest.mark.parametrize("tier", Tier)
def test_no_rule_repeats_what_another_already_allows(tier: Tier) -> None:
    rules = [rule for rule in rules_of(tier, flows=FLOWS, addresses=_addresses("abc")) if rule.allow]
    repeated = [
        (str(one.number), str(other.number))
        for one in rules
        for other in rules
        if one is not other and other.covers(one)
    ]
    assert not repeated


def test_a_firewall_beyond_the_quota_of_aws_is_refused() -> None:
    flows = [
        Flow(row=row, source=Party.WEB, target=Party.DATABASE, port=5000 + row, why="One too many")
        for row in range(1, 30)
    ]
    with pytest.raises(ValueError, match=r"the private-db network ACL needs 59 ingress rules; AWS allows 20"):
        rules_of(Tier.DB, flows=flows, addresses=_addresses())


def test_packets_that_tell_of_a_narrow_link_come_back_to_who_calls_the_internet() -> None:
    for tier in (Tier.PUBLIC, Tier.APP):
        rules = rules_of(tier, flows=FLOWS, addresses=_addresses())
        narrow = [rule for rule in rules if rule.packet is network_acl.Packet.TOO_BIG]
        assert any(rule.direction is Direction.INGRESS and rule.block == network_acl.ANYWHERE for rule in narrow)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"row": 0}, "row 0: allowed 1 to 300"),
        ({"port": 0}, "ports 0-0: allowed 1 to 65535"),
        ({"why": "naïve"}, "row 1: why 'naïve': allowed 1 to 200 characters that EC2 takes"),
        ({"source": Party.DATABASE}, "row 1: database to database: the source must open connections here"),
        ({"source": Party.INTERNET, "target": Party.S3}, "row 1: internet to S3: the source must open"),
    ],
)
def test_a_row_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    row = {"row": 1, "source": Party.WEB, "target": Party.DATABASE, "port": 5432, "why": "Jobs"} | change
    with pytest.raises(ValueError, match=message):
        Flow(**row)  # type: ignore[arg-type]


def test_groups_and_tiers_are_those_of_the_design() -> None:
    assert {party.value.replace(" ", "-") for party in security_groups.GROUPS} == set(TIER) - {"nat"}
    assert str(Ports(first=1024, last=65535)) == "1024-65535"
