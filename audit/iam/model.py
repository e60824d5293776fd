"""Policies as the evaluation sees them: statements with rendered patterns, principals, and what policies protect."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audit.assembly import Address, Assembly, Resource, Value
from audit.errors import AuditError, NotModelledError, Problem
from audit.iam.names import Names

POLICY_OF = {
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::SQS::QueuePolicy": ("Queues", "PolicyDocument"),
    "AWS::SNS::TopicPolicy": ("Topics", "PolicyDocument"),
    "AWS::SecretsManager::ResourcePolicy": ("SecretId", "ResourcePolicy"),
}
"""Types that attach a policy to other resources: which property names them, which one holds the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. Patterns are rendered; a list that is None is not part of the statement.

    Attributes:
        name: where it stands.
        principals: by kind (`AWS`, `Service`, `Federated`, or `*`), for policies on resources and for trust.
        negated_principals: the statement is about everybody but them.
    """

    name: str
    allow: bool
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    condition: Mapping[str, Mapping[str, object]]
    principals: Mapping[str, tuple[str, ...]] | None = None
    negated_principals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A role with everything that decides what it may do.

    Attributes:
        boundary: statements of its permissions boundary; None without one, or with one from outside these templates.
        foreign_boundary: name of a boundary that these templates do not contain.
    """

    address: Address
    name: str
    arn: str
    trust: tuple[Statement, ...]
    statements: tuple[Statement, ...]
    boundary: tuple[Statement, ...] | None = None
    foreign_boundary: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """A resource with a policy of its own."""

    address: Address
    name: str
    kind: str
    arn: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, kw_only=True)
class Policies:
    """Everything that decides about access in an assembly."""

    principals: tuple[Principal, ...]
    protected: tuple[Protected, ...]


def read_policies(assembly: Assembly) -> Policies:
    """Every role and every resource policy.

    Raises:
        AuditError: a policy cannot be read, or is not in these templates.
    """
    reader = _Reader(assembly)
    policies = Policies(principals=tuple(reader.principals()), protected=tuple(reader.protected()))
    if reader.problems:
        raise AuditError(sorted(set(reader.problems)))
    return policies


class _Reader:
    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._names = Names(assembly)
        self.problems: list[Problem] = []

    def principals(self) -> Iterator[Principal]:
        attached: dict[Address, list[Statement]] = {}
        managed: dict[Address, tuple[Statement, ...]] = {}
        for policy in self._assembly.of_kind("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            statements = self._statements(policy, policy.properties.get("PolicyDocument"), policy.path)
            managed[policy.address] = statements
            for named in _list(policy.properties.get("Roles")):
                found = self._assembly.at(named)
                if found is None:
                    self._problem(policy, "Roles", f"{named} is no role of these templates")
                else:
                    attached.setdefault(found.address, []).extend(statements)
        for role in self._assembly.of_kind("AWS::IAM::Role"):
            own = attached.get(role.address, [])
            for inline in _list(role.properties.get("Policies")):
                if isinstance(inline, dict):
                    name = f"{role.path} {inline.get('PolicyName')}"
                    own = [*own, *self._statements(role, inline.get("PolicyDocument"), name)]
            for arn in _list(role.properties.get("ManagedPolicyArns")):
                found = self._assembly.at(arn)
                if found is None or found.address not in managed:
                    self._problem(role, "ManagedPolicyArns", f"{arn}: what it allows is not in these templates")
                else:
                    own = [*own, *managed[found.address]]
            yield self._principal(role, tuple(own), managed)

    def _principal(
        self, role: Resource, own: tuple[Statement, ...], managed: Mapping[Address, tuple[Statement, ...]]
    ) -> Principal:
        written = role.properties.get("PermissionsBoundary")
        boundary = self._assembly.at(written)
        return Principal(
            address=role.address,
            name=role.path,
            arn=self._names.arn(role),
            trust=self._statements(role, role.properties.get("AssumeRolePolicyDocument"), f"{role.path} trust"),
            statements=own,
            boundary=managed.get(boundary.address) if boundary else None,
            foreign_boundary=str(written) if written is not None and boundary is None else None,
        )

    def protected(self) -> Iterator[Protected]:
        for key in self._assembly.of_kind("AWS::KMS::Key"):
            yield self._one(key, self._statements(key, key.properties.get("KeyPolicy"), f"{key.path} key policy"))
        for policy in self._assembly.of_kind(*POLICY_OF):
            target_key, document_key = POLICY_OF[policy.kind]
            statements = self._statements(policy, policy.properties.get(document_key), policy.path)
            named = policy.properties.get(target_key)
            for target in named if isinstance(named, list) else [named]:
                resource = self._assembly.at(target)
                if resource is None:
                    self._problem(policy, target_key, f"{target} is not of these templates")
                else:
                    yield self._one(resource, statements)

    def _one(self, resource: Resource, statements: tuple[Statement, ...]) -> Protected:
        return Protected(
            address=resource.address,
            name=resource.path,
            kind=resource.kind,
            arn=self._names.arn(resource),
            statements=statements,
        )

    def _statements(self, resource: Resource, document: Value, name: str) -> tuple[Statement, ...]:
        written = document.get("Statement") if isinstance(document, dict) else None
        if written is None:
            self._problem(resource, "policy", "has no statements that are known before deployment")
            return ()
        found = []
        for index, item in enumerate(written if isinstance(written, list) else [written]):
            where = f"{name} statement {index}"
            try:
                found.append(self._statement(item, where))
            except NotModelledError as error:
                self._problem(resource, where, str(error))
        return tuple(found)

    def _statement(self, item: Value, where: str) -> Statement:
        if not isinstance(item, dict) or item.get("Effect") not in {"Allow", "Deny"}:
            raise NotModelledError("is no statement with an effect")
        sid = item.get("Sid")
        negated = "NotPrincipal" in item
        return Statement(
            name=f"{where} ({sid})" if sid else where,
            allow=item["Effect"] == "Allow",
            actions=self._patterns(item.get("Action"), lower=True),
            not_actions=self._patterns(item.get("NotAction"), lower=True),
            resources=self._patterns(item.get("Resource")),
            not_resources=self._patterns(item.get("NotResource")),
            condition=self._condition(item.get("Condition")),
            principals=self._principals(item.get("NotPrincipal" if negated else "Principal")),
            negated_principals=negated,
        )

    def _patterns(self, value: Value, *, lower: bool = False) -> tuple[str, ...] | None:
        if value is None:
            return None
        patterns = tuple(self._names.text(entry) for entry in (value if isinstance(value, list) else [value]))
        # AWS compares actions without case.
        return tuple(pattern.lower() for pattern in patterns) if lower else patterns

    def _condition(self, value: Value) -> dict[str, dict[str, object]]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise NotModelledError("its condition is only known when deployed")
        return {
            operator: {key: [self._names.text(entry) for entry in _listed(wanted)] for key, wanted in entries.items()}
            for operator, entries in value.items()
            if isinstance(entries, dict)
        }

    def _principals(self, value: Value) -> dict[str, tuple[str, ...]] | None:
        if value is None:
            return None
        if isinstance(value, dict):
            return {
                kind: tuple(self._names.text(entry) for entry in _listed(entries)) for kind, entries in value.items()
            }
        return {"AWS": (self._names.text(value),)}

    def _problem(self, resource: Resource, where: str, why: str) -> None:
        self.problems.append(Problem(where=f"{resource.address} ({resource.kind}): {where}", why=why))


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _listed(value: Value) -> list[Value]:
    return value if isinstance(value, list) else [value]
