"""How far each resource type goes on this machine: all of them, so that one nobody thought of fails the deployment.

`docs/local-deploy.md` prints it; a test holds the page and the templates of every environment to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from local.errors import LocalError, LocalReason


class Extent(StrEnum):
    """What becomes of a resource once CloudFormation has made it."""

    WORKS = "works"
    """The service or the deployment uses it here as on AWS."""

    STAND_IN = "stand-in"
    """It is deployed, and something else on this machine does its job."""

    RECORD = "record"
    """It is deployed and can be read back; nothing here does its job."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Types that are alike.

    Attributes:
        types: without their leading "AWS::".
        here: what does the job, or why nothing does.
        proves: what a run of `make deploy-local` shows about them.
        leaves_open: what only an account can show.
    """

    types: tuple[str, ...]
    extent: Extent
    here: str
    proves: str
    leaves_open: str


COVERAGE = (
    Coverage(
        types=("S3::Bucket", "S3::BucketPolicy"),
        extent=Extent.WORKS,
        here="ministack, bodies on disk",
        proves="uploads in parts, presigned links, the vault's lock to `aws:SourceVpce`, every property is kept",
        leaves_open="lifecycle rules act, access logs come, the size limits of parts",
    ),
    Coverage(
        types=("SQS::Queue", "SQS::QueuePolicy"),
        extent=Extent.WORKS,
        here="ministack",
        proves="messages, redrive and queue policies work as deployed",
        leaves_open="throughput, rare duplicates",
    ),
    Coverage(
        types=("IAM::Role", "IAM::ManagedPolicy"),
        extent=Extent.WORKS,
        here="ministack evaluates the policies for every call of tasks, functions and the CDK command line",
        proves="no call is refused; without a grant the demo fails and the action is named",
        leaves_open="KMS grants, `iam:PassRole`, service control policies, boundaries of an organization",
    ),
    Coverage(
        types=("SecretsManager::Secret",),
        extent=Extent.WORKS,
        here="ministack",
        proves="tasks start with generated secrets that they read by their ARN",
        leaves_open="rotation",
    ),
    Coverage(
        types=("SSM::Parameter",),
        extent=Extent.WORKS,
        here="ministack",
        proves="values resolve; the bootstrap version is checked",
        leaves_open="nothing that the platform uses",
    ),
    Coverage(
        types=("Lambda::Function", "Lambda::Permission"),
        extent=Extent.WORKS,
        here="the deployed code in a process, with the role's credentials",
        proves="the custom resource closes the default security group; burst counts the backlog and starts tasks",
        leaves_open="the named runtime's own Python, memory and time limits",
    ),
    Coverage(
        types=("Custom::ClosedDefaultSecurityGroup",),
        extent=Extent.WORKS,
        here="the deployed function, called by CloudFormation",
        proves="the group has no rule left",
        leaves_open="nothing",
    ),
    Coverage(
        types=("ECS::TaskDefinition",),
        extent=Extent.STAND_IN,
        here="containers of the pushed image with user, read-only root, volumes, capabilities, memory, health check "
        "and stop timeout as defined",
        proves="the image starts and works inside its limits, with its role, and drains",
        leaves_open="system controls and the network of its own (containers share the host's), the log driver",
    ),
    Coverage(
        types=("ECS::Cluster", "ECS::Service", "Scheduler::Schedule", "Scheduler::ScheduleGroup"),
        extent=Extent.STAND_IN,
        here="this command starts web, sweeper and workers from the deployed definitions",
        proves="tasks that the burst function asks for run and end",
        leaves_open="placement, rolling updates, the circuit breaker, the schedule itself",
    ),
    Coverage(
        types=("RDS::DBInstance",),
        extent=Extent.STAND_IN,
        here="PostgreSQL from a wheel, at the address and with the secret that the deployed record names",
        proves="migrations, locks and queries; the secret opens the database",
        leaves_open="TLS, failover, backups, parameter values",
    ),
    Coverage(
        types=("ElastiCache::ReplicationGroup",),
        extent=Extent.STAND_IN,
        here="Valkey from a wheel, with the deployed token",
        proves="sessions and rate limits; the token opens the store",
        leaves_open="TLS, failover",
    ),
    Coverage(
        types=(
            "ElasticLoadBalancingV2::LoadBalancer",
            "ElasticLoadBalancingV2::Listener",
            "ElasticLoadBalancingV2::TargetGroup",
        ),
        extent=Extent.STAND_IN,
        here="clients talk to the web container",
        proves="health checks pass on the path that the target group asks",
        leaves_open="TLS, target registration, idle time-outs, zones",
    ),
    Coverage(
        types=("KMS::Key",),
        extent=Extent.STAND_IN,
        here="objects, queues and secrets name the key and nothing is encrypted with it",
        proves="every reference to the key resolves",
        leaves_open="key policies and grants: `audit iam` reads them in the templates",
    ),
    Coverage(
        types=("Events::Rule", "Lambda::EventInvokeConfig"),
        extent=Extent.STAND_IN,
        here="this command calls the burst function every 2 s while images wait",
        proves="the function does what it should when it is called",
        leaves_open="that the rules match and call, retries, the failure queue",
    ),
    Coverage(
        types=("Logs::LogGroup",),
        extent=Extent.STAND_IN,
        here="functions write to theirs; tasks write to files",
        proves="functions may write to their group",
        leaves_open="log delivery of tasks, retention",
    ),
    Coverage(
        types=(
            "EC2::VPC",
            "EC2::Subnet",
            "EC2::RouteTable",
            "EC2::Route",
            "EC2::SubnetRouteTableAssociation",
            "EC2::InternetGateway",
            "EC2::VPCGatewayAttachment",
            "EC2::EIP",
            "EC2::NatGateway",
            "EC2::NetworkAcl",
            "EC2::NetworkAclEntry",
            "EC2::SubnetNetworkAclAssociation",
            "EC2::SecurityGroup",
            "EC2::SecurityGroupIngress",
            "EC2::SecurityGroupEgress",
            "EC2::VPCEndpoint",
            "EC2::FlowLog",
        ),
        extent=Extent.RECORD,
        here="no packet passes them; the gateway endpoint's id is what the vault's policy is evaluated with",
        proves="references, order of creation and deletion",
        leaves_open="that packets flow or not: `audit reach` proves it over the templates",
    ),
    Coverage(
        types=(
            "EC2::LaunchTemplate",
            "AutoScaling::AutoScalingGroup",
            "IAM::InstanceProfile",
            "ECS::CapacityProvider",
            "ECS::ClusterCapacityProviderAssociations",
            "ApplicationAutoScaling::ScalableTarget",
            "ApplicationAutoScaling::ScalingPolicy",
        ),
        extent=Extent.RECORD,
        here="one machine has no instances to start",
        proves="references",
        leaves_open="instances, user data, scaling: proved over the templates",
    ),
    Coverage(
        types=(
            "RDS::DBSubnetGroup",
            "RDS::DBParameterGroup",
            "ElastiCache::SubnetGroup",
            "ElastiCache::ParameterGroup",
        ),
        extent=Extent.RECORD,
        here="the servers of this machine have settings of their own",
        proves="references",
        leaves_open="parameter names and values",
    ),
    Coverage(
        types=("CloudWatch::Alarm", "CloudWatch::CompositeAlarm", "CloudWatch::Dashboard", "Logs::QueryDefinition"),
        extent=Extent.RECORD,
        here="no service publishes its metrics here, and metric math is not evaluated",
        proves="references",
        leaves_open="that they fire: proved over the templates",
    ),
    Coverage(
        types=("SNS::Topic", "SNS::TopicPolicy", "SNS::Subscription"),
        extent=Extent.RECORD,
        here="no alarm fires, hence nothing is sent",
        proves="references",
        leaves_open="delivery",
    ),
    Coverage(
        types=("WAFv2::WebACL", "WAFv2::WebACLAssociation", "WAFv2::LoggingConfiguration", "WAFv2::IPSet"),
        extent=Extent.RECORD,
        here="requests do not pass a load balancer",
        proves="references",
        leaves_open="that rules match: `tests/stacks/firewall.py` evaluates them",
    ),
    Coverage(
        types=("CertificateManager::Certificate", "Route53::RecordSet"),
        extent=Extent.RECORD,
        here="no name points at this machine; a certificate is issued at once",
        proves="references",
        leaves_open="validation over DNS",
    ),
    Coverage(
        types=("Budgets::Budget", "IAM::OIDCProvider"),
        extent=Extent.RECORD,
        here="nothing is billed, and nobody signs in from elsewhere",
        proves="references",
        leaves_open="notifications; the trust of the other side",
    ),
)


def coverage_of(resource_type: str) -> Coverage:
    """The entry of a type; `LocalError` for one that has none."""
    try:
        return _BY_TYPE[resource_type]
    except KeyError:
        raise LocalError(
            LocalReason.DEPLOYMENT_FAILED,
            f"nothing is known of how far {resource_type} goes on this machine: "
            "say it in local/rehearsal/coverage.py, then `make local-docs`",
        ) from None


def require_coverage(resource_types: Iterable[str]) -> None:
    """`LocalError` for the first type that has no entry."""
    for resource_type in sorted(set(resource_types)):
        coverage_of(resource_type)


def full_name(name: str) -> str:
    """A type as templates spell it."""
    return name if name.startswith("Custom::") else f"AWS::{name}"


_BY_TYPE: Mapping[str, Coverage] = {full_name(name): each for each in COVERAGE for name in each.types}
KNOWN_TYPES = frozenset(_BY_TYPE)
