"""The calls that each role is there for, written by hand: what its policies must allow, and all that they may."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from audit.toml import read_toml

EVERYWHERE = "*"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Call(_Strict):
    """Some actions on one resource.

    Attributes:
        actions: such as `s3:GetObject`.
        on: construct path of the resource, an ARN pattern with `{account}` and `{region}`, or `*` for actions that AWS
            offers on no resource.
        below: what follows the resource's ARN, such as `/uploads/*`.
        given: context keys of the call, such as `kms:ViaService`; a value may be the construct path of a resource.
        bound: keys of `given` that the grant must insist on: without the condition it would allow more.
        code: package of the service or function that makes the call; the scan of the code looks for it there.
        by: who else makes it, such as the ECS agent.
        why: what it is for.
    """

    actions: tuple[str, ...] = Field(min_length=1, strict=False)
    on: str
    below: str = ""
    given: Mapping[str, str] = Field(default_factory=dict)
    bound: tuple[str, ...] = Field(default=(), strict=False)
    code: str | None = None
    by: str | None = None
    why: str


class RoleCalls(_Strict):
    """One role, or several alike.

    Attributes:
        paths: construct paths. A role that an environment does not have is passed over.
        trusts: who may assume it: a service, the ARN of an identity provider, or the construct path of another role.
        assumed_by: the action that assumes it.
        given: context keys with which it is assumed.
        bound: keys that the trust must insist on, so that nobody else's resources can have it assumed. One that is
            not in `given` has one value, which the settings of the environment say.
    """

    paths: tuple[str, ...] = Field(min_length=1, strict=False)
    trusts: str
    assumed_by: str = "sts:AssumeRole"
    given: Mapping[str, str] = Field(default_factory=dict)
    bound: tuple[str, ...] = Field(default=(), strict=False)
    calls: tuple[Call, ...] = Field(strict=False)


class ServiceCalls(Call):
    """Calls that AWS services make by themselves, which the policy of the resource must allow.

    Attributes:
        services: such as `logging.s3.amazonaws.com`.
        optional: an environment may be without the resource.
    """

    services: tuple[str, ...] = Field(min_length=1, strict=False)
    optional: bool = False


class Denial(_Strict):
    """What the policies of resources must refuse to everybody, whoever else allows it.

    Attributes:
        actions: examples; the denial has to cover each of them.
        on: construct paths of the resources.
        given: context keys of the request that must be refused; an empty value means that the key is absent.
    """

    actions: tuple[str, ...] = Field(min_length=1, strict=False)
    on: tuple[str, ...] = Field(min_length=1, strict=False)
    below: str = ""
    given: Mapping[str, str]
    optional: bool = False
    why: str


class Calls(_Strict):
    """The whole file."""

    roles: tuple[RoleCalls, ...] = Field(strict=False)
    services: tuple[ServiceCalls, ...] = Field(default=(), strict=False)
    denials: tuple[Denial, ...] = Field(default=(), strict=False)


def read_calls(path: Path) -> Calls:
    """The calls of a file.

    Raises:
        AuditError: it cannot be read, or has an unknown key.
    """
    return read_toml(path, Calls)
