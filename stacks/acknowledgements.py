"""Compliance findings that we know of and keep, each at one resource, each with the reason."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import aws_cdk as cdk

CFN_LINT = "cfn-lint::"
"""Prefix of the rules of cfn-lint, whose acknowledgements stand in the resource's metadata."""


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """One rule that one resource does not meet.

    Attributes:
        resource: the narrowest thing that the finding is about.
        rule: the rule's id as the tool prints it; cfn-lint's are written `cfn-lint::W3010`.
        reason: starts with `ACCEPTED:` when it stays, or `TODO(#n):` with the issue that removes it.
    """

    resource: cdk.CfnResource
    rule: str
    reason: str

    def __post_init__(self) -> None:
        if not re.match(r"(ACCEPTED|TODO\(#\d+\)): \S", self.reason):
            raise ValueError(f"{self.rule}: reason {self.reason!r}: allowed 'ACCEPTED: …' or 'TODO(#n): …'")


def acknowledge(acknowledgements: Iterable[Acknowledgement]) -> None:
    """Write acknowledgements where each tool looks for them."""
    for item in acknowledgements:
        if item.rule.startswith(CFN_LINT):
            ignored = {"config": {"ignore_checks": [item.rule.removeprefix(CFN_LINT)]}, "reason": item.reason}
            item.resource.add_metadata("cfn-lint", ignored)
        else:
            cdk.Validations.of(item.resource).acknowledge(cdk.Acknowledgment(id=item.rule, reason=item.reason))
