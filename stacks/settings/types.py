"""Types of settings that carry their meaning, and say what is allowed when a value does not fit."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network
from typing import Annotated, TypeGuard

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError


class Strict(BaseModel):
    """Base of every group of settings: frozen, keyword-only, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refused(allowed: str) -> PydanticCustomError:
    """The error of a value that does not fit; `allowed` completes the sentence 'allowed …'."""
    return PydanticCustomError("refused", "allowed {allowed}", {"allowed": allowed})


def matching(pattern: str, allowed: str) -> Callable[[object], str]:
    """A check that a value is a string of the pattern; `allowed` completes the sentence 'allowed …'."""
    compiled = re.compile(pattern, re.ASCII)

    def check(value: object) -> str:
        if not isinstance(value, str) or not compiled.fullmatch(value):
            raise refused(allowed)
        return value

    return check


def _cidr(value: object) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    allowed = "an IPv4 block with its prefix length, such as '10.0.1.0/24'"
    if not isinstance(value, str) or "/" not in value:
        raise refused(allowed)
    try:
        return IPv4Network(value)
    except ValueError:
        pass
    try:
        block = IPv4Network(value, strict=False)
    except ValueError:
        raise refused(allowed) from None
    raise refused(f"the first address of the block, {str(block)!r}")


def _block_of_prefix(longest: int, why: str) -> Callable[[object], IPv4Network]:
    def check(value: object) -> IPv4Network:
        block = _cidr(value)
        if not 16 <= block.prefixlen <= longest:
            raise refused(f"a block from /16 to /{longest}: {why}")
        return block

    return check


_PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def _vpc_block(value: object) -> IPv4Network:
    block = _block_of_prefix(24, "a VPC is /16 at most, and six subnets need room")(value)
    if not any(block.subnet_of(private) for private in _PRIVATE):
        raise refused(f"a private block inside {', '.join(map(str, _PRIVATE))}")
    return block


VpcBlock = Annotated[IPv4Network, BeforeValidator(_vpc_block)]
PublicBlock = Annotated[
    IPv4Network, BeforeValidator(_block_of_prefix(27, "a load balancer refuses subnets smaller than /27"))
]
PrivateBlock = Annotated[IPv4Network, BeforeValidator(_block_of_prefix(28, "AWS has no subnets smaller than /28"))]

_REGION = r"(af|ap|ca|eu|il|me|mx|sa|us)-(north|south|east|west|central|northeast|northwest|southeast|southwest)-[1-9]"


def is_region(value: object) -> TypeGuard[str]:
    """Whether the value could name a region."""
    return isinstance(value, str) and re.fullmatch(_REGION, value) is not None


Region = Annotated[
    str, BeforeValidator(matching(_REGION, "the name of a region of the aws partition, such as 'eu-west-1'"))
]
Account = Annotated[
    str, BeforeValidator(matching(r"\d{12}", "a string of 12 digits, such as '111122223333', or no key at all"))
]
ZoneName = Annotated[
    str, BeforeValidator(matching(_REGION + "[a-f]", "an availability zone of the region, such as 'eu-west-1a'"))
]
InstanceType = Annotated[
    str, BeforeValidator(matching(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "an instance type, such as 'c7i.2xlarge'"))
]
LicenceName = Annotated[
    str, BeforeValidator(matching(r"[a-z][a-z0-9_]{0,62}", "small letters, digits and _, such as 'filter_license'"))
]
DatabaseClass = Annotated[
    str, BeforeValidator(matching(r"db\.[a-z0-9]+\.[a-z0-9]+", "a database class, such as 'db.m7g.large'"))
]
CacheNodeType = Annotated[
    str, BeforeValidator(matching(r"cache\.[a-z0-9]+\.[a-z0-9]+", "a cache node type, such as 'cache.t4g.small'"))
]
TagKey = Annotated[
    str,
    BeforeValidator(
        matching(r"(?!aws:)[\w .:/=+@-]{1,128}", "a tag key of 1 to 128 letters, digits or _ .:/=+@- not after 'aws:'")
    ),
]
TagValue = Annotated[
    str, BeforeValidator(matching(r"[\w .:/=+@-]{0,256}", "a tag value of up to 256 letters, digits or _ .:/=+@-"))
]
WebOrigin = Annotated[
    str,
    BeforeValidator(
        matching(
            r"https?://[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[1-9][0-9]{0,4})?",
            "a web origin in small letters without a path, such as 'https://photos.example.com'",
        )
    ),
]
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
Domain = Annotated[
    str,
    BeforeValidator(
        matching(
            rf"(?=.{{4,253}}$)({_LABEL}\.)+[a-z]{{2,63}}", "a domain in small letters, such as 'photos.example.com'"
        )
    ),
]
HostedZoneId = Annotated[
    str,
    BeforeValidator(matching(r"Z[A-Z0-9]{1,31}", "the id of a Route 53 hosted zone, such as 'Z0123456789ABCDEFGHIJ'")),
]
EmailAddress = Annotated[
    str,
    BeforeValidator(
        matching(
            r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", "an e-mail address, such as 'ops@example.com'"
        )
    ),
]
PolicyName = Annotated[
    str,
    BeforeValidator(
        matching(r"[\w+=,.@-]{1,128}", "the name of a managed policy of the account, such as 'developer-boundary'")
    ),
]
GitHubName = Annotated[
    str,
    # No colon and no wildcard: the name ends up in the subject that the deploy role trusts.
    BeforeValidator(matching(r"[\w.-]{1,100}", "a name of letters, digits or _.-, such as 'production'")),
]
GitHubRepository = Annotated[
    str,
    BeforeValidator(
        matching(r"[A-Za-z0-9-]{1,39}/[\w.-]{1,100}", "a repository as 'owner/name', without the address of the site")
    ),
]
Count = Annotated[int, Field(ge=0, le=1000)]
