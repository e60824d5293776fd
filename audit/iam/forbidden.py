"""What no role and no resource policy may allow, whatever it is listed for."""

from collections.abc import Iterator

from audit.iam.conditions import keys
from audit.iam.findings import Finding
from audit.iam.globs import covers, overlap
from audit.iam.model import Policies, Principal, Statement

_READS = ("get", "list", "describe", "head", "batchget", "batchcheck", "discover", "poll")
_NARROWING = frozenset(
    {"aws:sourceaccount", "aws:sourcearn", "aws:principalorgid", "kms:calleraccount", "aws:sourcevpce"}
)
_WITHOUT_RESOURCE = (
    "ecr:getauthorizationtoken",
    "ecs:discoverpollendpoint",
    "ec2messages:*",
    "ssm:updateinstanceinformation",
    "ssmmessages:*",
)
"""Actions for which AWS knows no resource, so that a policy cannot name one (service authorization reference)."""

_ESCALATIONS = (
    ("iam:createaccesskey", "makes keys for others"),
    ("iam:createpolicyversion", "rewrites a policy"),
    ("iam:attachrolepolicy", "attaches any policy"),
    ("iam:putrolepolicy", "writes any policy"),
    ("iam:updateassumerolepolicy", "lets others assume a role"),
    ("iam:createrole", "makes roles"),
    ("lambda:updatefunctioncode", "runs code as a function's role"),
    ("ecs:registertaskdefinition", "runs any image with roles that it may pass"),
    ("ssm:sendcommand", "runs commands on instances"),
    ("cloudformation:createstack", "makes anything that CloudFormation may"),
)


def forbidden(policies: Policies) -> Iterator[Finding]:
    """Everything that is allowed and may not be."""
    own = {principal.arn for principal in policies.principals}
    for principal in policies.principals:
        for statement in principal.statements:
            if statement.allow:
                yield from _of_statement(principal, statement, own)
        for statement in principal.trust:
            yield from _of_trust(principal, statement)
    for protected in policies.protected:
        for statement in protected.statements:
            if statement.allow:
                yield from _of_resource_policy(protected.name, protected.arn, statement)


def _of_statement(principal: Principal, statement: Statement, own: set[str]) -> Iterator[Finding]:
    def found(what: str) -> Finding:
        return Finding(kind="forbidden", subject=principal.name, what=f"{statement.name}: {what}")

    if statement.not_actions is not None or statement.not_resources is not None:
        yield found("allows everything but what it names")
    resources = statement.resources or ("*",)
    for action in statement.actions or ():
        service, _, name = action.partition(":")
        if "*" in service or name == "*":
            yield found(f"{action} allows every action")
        if "*" in resources and not _may_be_anywhere(action, statement):
            yield found(f"{action} on every resource")
        if covers(action, "iam:passrole"):
            for resource in resources:
                if not any(covers(role, resource) for role in own):
                    yield found(f"may pass {resource}, which is no role of these templates")
            if "iam:passedtoservice" not in keys(statement.condition):
                yield found("may pass roles to any service: a condition on iam:PassedToService is missing")
        for escalation, why in _ESCALATIONS:
            if overlap(action, escalation):
                yield found(f"{action} {why}")


def _may_be_anywhere(action: str, statement: Statement) -> bool:
    """Actions without resources, and reads that a condition narrows."""
    if any(covers(pattern, action) for pattern in _WITHOUT_RESOURCE):
        return True
    name = action.partition(":")[2]
    return name.startswith(_READS) and bool(keys(statement.condition))


def _of_trust(principal: Principal, statement: Statement) -> Iterator[Finding]:
    account = principal.arn.split(":")[4]
    for kind, names in (statement.principals or {}).items():
        for name in names:
            if kind == "AWS" and (name == "*" or f":{account}:" not in name):
                yield Finding(kind="forbidden", subject=principal.name, what=f"{name} of another account may assume it")
            if kind == "AWS" and name.endswith(":root"):
                yield Finding(kind="forbidden", subject=principal.name, what="everybody in the account may assume it")
            if kind == "Federated" and not statement.condition:
                yield Finding(kind="forbidden", subject=principal.name, what=f"anybody at {name} may assume it")


def _of_resource_policy(name: str, arn: str, statement: Statement) -> Iterator[Finding]:
    account = arn.split(":")[4]
    narrowed = bool(keys(statement.condition) & _NARROWING)
    for principal in (statement.principals or {}).get("AWS", ()):
        outside = principal == "*" or (account and f":{account}:" not in principal and principal != account)
        if outside and not narrowed:
            yield Finding(kind="forbidden", subject=name, what=f"{statement.name} allows {principal}")
    if statement.negated_principals:
        yield Finding(kind="forbidden", subject=name, what=f"{statement.name} allows everybody but whom it names")
