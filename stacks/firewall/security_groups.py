"""Security group rules from the traffic matrix.

Security groups keep state: a rule for the request lets its answer through. Each flow makes one rule at either end
that has a group, and groups name each other rather than addresses.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stacks.firewall.network_acl import Direction
from stacks.traffic import HOME, Flow, Party

GROUPS: tuple[Party, ...] = tuple(party for party, tier in HOME.items() if tier is not None)
"""Who has a security group."""


@dataclass(frozen=True, kw_only=True)
class GroupRule:
    """One rule of one group. `peer` is the group at the other end, or None for anywhere."""

    group: Party
    direction: Direction
    peer: Party | None
    port: int
    why: str


def rules_of_groups(flows: Iterable[Flow]) -> tuple[GroupRule, ...]:
    """The rules of all groups, in the order of the matrix. A party outside the VPC becomes 'anywhere'."""
    rules: dict[tuple[Party, Direction, Party | None, int], GroupRule] = {}
    for flow in flows:
        ends = ((flow.source, Direction.EGRESS, flow.target), (flow.target, Direction.INGRESS, flow.source))
        for group, direction, other in ends:
            if group not in GROUPS:
                continue
            peer = other if other in GROUPS else None
            # S3 and the internet are both 'anywhere' to a group: the first row that says so makes the rule.
            rule = GroupRule(group=group, direction=direction, peer=peer, port=flow.port, why=flow.why)
            rules.setdefault((group, direction, peer, flow.port), rule)
    return tuple(rules.values())
