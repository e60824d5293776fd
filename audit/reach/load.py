"""From an assembly to its network, or to a refusal that lists everything that is not modelled."""

from collections.abc import Iterable, Iterator, Mapping

from audit.assembly import Assembly
from audit.errors import AuditError, Problem
from audit.reach.filters import read_acls, read_groups
from audit.reach.interfaces import READERS, read_interfaces
from audit.reach.network import Network, SecurityGroup
from audit.reach.subnets import read_attached, read_blocks, read_subnets

_UNDERSTOOD = frozenset(
    {
        "AWS::EC2::EIP",
        "AWS::EC2::EIPAssociation",
        "AWS::EC2::FlowLog",
        "AWS::EC2::Instance",
        "AWS::EC2::InternetGateway",
        "AWS::EC2::KeyPair",
        "AWS::EC2::LaunchTemplate",
        "AWS::EC2::NatGateway",
        "AWS::EC2::NetworkAcl",
        "AWS::EC2::NetworkAclEntry",
        "AWS::EC2::Route",
        "AWS::EC2::RouteTable",
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
        "AWS::EC2::Subnet",
        "AWS::EC2::SubnetNetworkAclAssociation",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCCidrBlock",
        "AWS::EC2::VPCDHCPOptionsAssociation",
        "AWS::EC2::DHCPOptions",
        "AWS::EC2::VPCEndpoint",
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::Volume",
        "AWS::EC2::VolumeAttachment",
    }
)
_NETWORK_SERVICES = ("AWS::EC2::", "AWS::NetworkFirewall::", "AWS::NetworkManager::", "AWS::VpcLattice::")


def read_network(assembly: Assembly, *, prefix_lists: Mapping[str, str] | None = None) -> Network:
    """The network of an assembly.

    Args:
        assembly: the templates.
        prefix_lists: service by the id of its prefix list, for rules that refer to one.

    Raises:
        AuditError: something that decides over packets is missing, unresolved or not modelled.
    """
    problems = list(_not_understood(assembly))
    blocks = read_blocks(assembly, problems)
    if not blocks:
        problems.append(Problem(where=str(assembly.folder), why="holds no VPC"))
    groups = read_groups(assembly, problems)
    subnets = read_subnets(assembly, blocks, read_acls(assembly, problems), problems)
    interfaces = read_interfaces(assembly, subnets, problems)
    for interface in interfaces:
        for group in interface.groups - groups.keys():
            problems.append(Problem(where=str(interface), why=f"{group} is no security group of these templates"))
    problems += _lists(groups.values(), prefix_lists or {})
    if problems:
        raise AuditError(sorted(set(problems)))
    return Network(
        blocks=blocks,
        subnets=subnets,
        groups=groups,
        interfaces=interfaces,
        on_internet=frozenset(read_attached(assembly).values()),
        prefix_lists=prefix_lists or {},
    )


def _lists(groups: Iterable[SecurityGroup], known: Mapping[str, str]) -> Iterator[Problem]:
    """Rules whose addresses only AWS knows, and nobody has said which service's they are."""
    for group in groups:
        for rule in group.ingress:
            if rule.prefix_list is not None:
                yield Problem(where=rule.name, why=f"takes packets from prefix list {rule.prefix_list}: not modelled")
        for rule in group.egress:
            if rule.prefix_list is not None and rule.prefix_list not in known:
                why = f"prefix list {rule.prefix_list} is only known to AWS: give --prefix-list {rule.prefix_list}=s3"
                yield Problem(where=rule.name, why=f"{why}, or which service of a gateway endpoint it is of")


def _not_understood(assembly: Assembly) -> Iterator[Problem]:
    for resource in assembly.resources.values():
        of_network = resource.kind.startswith(_NETWORK_SERVICES)
        if of_network and resource.kind not in _UNDERSTOOD:
            yield Problem(where=f"{resource.address} ({resource.kind})", why="this type is not modelled")
        elif of_network or resource.kind in READERS:
            yield from resource.unknowns
    # A resource that may or may not be there leaves everything open.
    yield from (problem for problem in assembly.problems if ": Condition " in problem.where)
