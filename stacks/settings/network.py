"""Settings of the Network stack: addresses, zones, ways out."""

from enum import StrEnum
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from stacks.settings.types import PrivateBlock, PublicBlock, Strict, VpcBlock, ZoneName


class NatMode(StrEnum):
    """How many NAT gateways there are: one in each zone, or one that every zone depends on."""

    PER_ZONE = "per-zone"
    SINGLE = "single"


class InterfaceEndpoint(StrEnum):
    """AWS services that this platform may call through an endpoint of its own instead of NAT."""

    SSM = "ssm"
    SSM_MESSAGES = "ssmmessages"
    EC2_MESSAGES = "ec2messages"
    ECR_API = "ecr.api"
    ECR_DOCKER = "ecr.dkr"
    ECS = "ecs"
    ECS_AGENT = "ecs-agent"
    ECS_TELEMETRY = "ecs-telemetry"
    KMS = "kms"
    LOGS = "logs"
    MONITORING = "monitoring"
    SECRETS_MANAGER = "secretsmanager"
    SQS = "sqs"
    STS = "sts"


SESSION_MANAGER = (InterfaceEndpoint.SSM, InterfaceEndpoint.SSM_MESSAGES, InterfaceEndpoint.EC2_MESSAGES)
"""Always there: with port 22 closed everywhere, this is the operator's only way onto an instance."""


class ZoneSettings(Strict):
    """The address blocks of one availability zone, one per tier.

    Attributes:
        public: load balancer and NAT gateway.
        private_app: web, workers and interface endpoints.
        private_db: database and session store; no way to the internet.
    """

    public: PublicBlock
    private_app: PrivateBlock
    private_db: PrivateBlock


class NetworkSettings(Strict):
    """The VPC. Zones keep their blocks whatever is added later: nothing here is counted off in order.

    Attributes:
        cidr: all addresses of the environment. Without tables for zones, a /16 has two zones with blocks of its own.
        nat: a gateway in each zone, or one that every zone depends on.
        interface_endpoints: AWS services that are called through an endpoint of their own instead of NAT, beside the
            three of Session Manager, which are always there.
        flow_log_retention_days: who talked to whom, and what was refused.
    """

    cidr: VpcBlock = IPv4Network("10.0.0.0/16")
    nat: Annotated[NatMode, Field(strict=False)] = NatMode.PER_ZONE
    interface_endpoints: Annotated[
        tuple[Annotated[InterfaceEndpoint, Field(strict=False)], ...], Field(strict=False)
    ] = ()
    flow_log_retention_days: Literal[1, 3, 5, 7, 14, 30, 60, 90, 180, 365, 400, 731, 1827] = 90
    zones: Annotated[dict[ZoneName, ZoneSettings], Field(min_length=2, max_length=3)]

    @property
    def endpoints(self) -> tuple[InterfaceEndpoint, ...]:
        """Every interface endpoint, each once."""
        return tuple(dict.fromkeys(SESSION_MANAGER + self.interface_endpoints))


def default_zones(region: str, cidr: IPv4Network) -> dict[str, dict[str, str]]:
    """The design's map for two zones: third octet 1, 2 (public), 11, 12 (app), 21, 22 (database) of a /16."""
    first, second, *_ = str(cidr.network_address).split(".")
    return {
        f"{region}{letter}": {
            tier: f"{first}.{second}.{offset + position}.0/24"
            for tier, offset in (("public", 0), ("private_app", 10), ("private_db", 20))
        }
        for position, letter in enumerate("ab", start=1)
    }
