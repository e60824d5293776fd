"""Properties that hold for any settings that are accepted, not only for those that somebody thought of."""

from ipaddress import IPv4Network
from itertools import combinations
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stacks.firewall.network_acl import Direction, Packet, Rule, crossings, rules_of
from stacks.settings import NatMode, Settings, Strategy
from stacks.settings.network import SESSION_MANAGER, InterfaceEndpoint
from stacks.subnet_map import addresses_of, nat_of, zone_names
from stacks.traffic import FLOWS, Tier
from tests.stacks.configurations import SMALL
from tests.stacks.packets import INTERNET, blocked_hops
from tests.stacks.template import Template

REGIONS = ("eu-west-1", "us-east-1", "ap-northeast-3")
PREFIXES = {"public": (20, 27), "private_app": (20, 24), "private_db": (20, 28)}


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """Settings as a file would hold them: blocks are laid out one after the other, in any order and size."""
    region = draw(st.sampled_from(REGIONS))
    letters = draw(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=3, unique=True))
    vpc = IPv4Network(draw(st.sampled_from(["10.0.0.0/16", "172.31.0.0/16", "192.168.0.0/16"])))
    places = draw(st.permutations([(letter, tier) for letter in letters for tier in PREFIXES]))
    zones: dict[str, dict[str, str]] = {f"{region}{letter}": {} for letter in letters}
    for slot, (letter, tier) in zip(vpc.subnets(new_prefix=20), places, strict=False):
        shortest, longest = PREFIXES[tier]
        block = next(slot.subnets(new_prefix=draw(st.integers(shortest, longest))))
        zones[f"{region}{letter}"][tier] = str(block)
    available = draw(st.booleans())
    strategy = draw(st.sampled_from(Strategy))
    least = draw(st.integers(len(letters), 5)) if available else draw(st.integers(1, 5))
    limit = draw(st.integers(10, 36_000))
    return {
        **SMALL,
        "region": region,
        "high_availability": available,
        "termination_protection": draw(st.booleans()),
        "network": {
            "cidr": str(vpc),
            "nat": "per-zone" if available else draw(st.sampled_from(NatMode)).value,
            "interface_endpoints": draw(st.lists(st.sampled_from(InterfaceEndpoint), max_size=6)),
            "zones": zones,
        },
        "jobs": {"time_limit_s": limit},
        "messaging": {"visibility_timeout_s": draw(st.integers(max(30, limit), 43_200))},
        "web": {
            "instance_type": "t3.small",
            "min_instances": least,
            "max_instances": draw(st.integers(least + available, 20)),
        },
        "workers": {
            "instance_type": "c7i.large",
            "strategy": strategy.value,
            "max_instances": 0 if strategy is Strategy.FARGATE else draw(st.integers(1, 20)),
            "max_burst_tasks": 0 if strategy is Strategy.EC2 else draw(st.integers(1, 20)),
        },
        "database": {"instance_class": "db.t4g.micro", "multi_az": available},
        "session_store": {"node_type": "cache.t4g.micro", "replicas": 1},
    }


def _let_through(rules: tuple[Rule, ...], direction: Direction, block: IPv4Network, first: int, last: int) -> bool:
    """Whether one allowing rule takes the whole range of ports, with nothing denied in it before."""
    denied = [rule for rule in rules if rule.direction is direction and not rule.allow]
    return any(
        rule.allow
        and rule.packet is Packet.TCP
        and rule.direction is direction
        and block.subnet_of(rule.block)
        and rule.ports.first <= first
        and last <= rule.ports.last
        for rule in rules
    ) and not any(rule.ports.first <= last and first <= rule.ports.last for rule in denied)


@given(trees())
@settings(max_examples=150, deadline=None)
def test_valid_settings_give_every_zone_a_subnet_in_every_tier_and_no_two_overlap(tree: dict[str, Any]) -> None:
    accepted = Settings.model_validate(tree)
    addresses = addresses_of(accepted.network)
    zones = set(zone_names(accepted.network))
    assert all(set(addresses[tier]) == zones for tier in Tier)
    blocks = [block for tier in Tier for block in addresses[tier].values()]
    assert all(block.subnet_of(accepted.network.cidr) for block in blocks)
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))


@given(trees())
@settings(max_examples=100, deadline=None)
def test_both_directions_of_every_flow_stand_in_the_network_acls(tree: dict[str, Any]) -> None:
    accepted = Settings.model_validate(tree)
    addresses = addresses_of(accepted.network)
    rules = {tier: rules_of(tier, flows=FLOWS, addresses=addresses) for tier in Tier}
    for flow in FLOWS:
        for crossing in crossings(flow):
            if crossing.packet is not Packet.TCP:
                continue
            remotes = (
                [IPv4Network("203.0.113.0/24")] if crossing.remote is None else addresses[crossing.remote].values()
            )
            for block in remotes:
                assert _let_through(
                    rules[crossing.tier], crossing.direction, block, crossing.ports.first, crossing.ports.last
                ), f"{flow}: {crossing.direction} of {crossing.tier}, {block}, ports {crossing.ports}"


@given(trees())
@settings(max_examples=100, deadline=None)
def test_a_zone_depends_on_another_zone_s_nat_only_where_one_gateway_was_asked_for(tree: dict[str, Any]) -> None:
    accepted = Settings.model_validate(tree)
    ways = nat_of(accepted.network)
    own = all(zone == nat for zone, nat in ways.items())
    assert own == (accepted.network.nat is NatMode.PER_ZONE)
    assert set(ways) == set(zone_names(accepted.network))


@given(trees())
@settings(max_examples=100, deadline=None)
def test_the_order_of_zones_in_a_file_changes_nothing(tree: dict[str, Any]) -> None:
    turned = {**tree, "network": {**tree["network"], "zones": dict(reversed(tree["network"]["zones"].items()))}}
    one, other = Settings.model_validate(tree).network, Settings.model_validate(turned).network
    assert list(addresses_of(one)[Tier.PUBLIC].items()) == list(addresses_of(other)[Tier.PUBLIC].items())
    assert nat_of(one) == nat_of(other)


@given(trees())
@settings(
    max_examples=4,
    deadline=None,
    database=None,
    derandomize=True,
    # A synthesis takes seconds: a smaller example of the same failure would take minutes to find.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
def test_any_valid_settings_synthesize_into_a_network_that_works(tmp_path_factory: Any, tree: dict[str, Any]) -> None:
    from app import wire
    from stacks.assembly import synthesize

    folder: Path = tmp_path_factory.mktemp("any")
    synthesize(Settings.model_validate(tree), wire, folder)
    template = Template.read(folder / "Network.template.json")
    assert len(template.all("AWS::EC2::Subnet")) == 3 * len(tree["network"]["zones"])
    endpoints = {*SESSION_MANAGER, *tree["network"]["interface_endpoints"]}
    assert len(template.all("AWS::EC2::VPCEndpoint")) == 1 + len(endpoints)
    for flow in ((INTERNET, "load-balancer", 443), ("web", "database", 5432), ("workers", INTERNET, 443)):
        assert list(blocked_hops(template, *flow)) == []
