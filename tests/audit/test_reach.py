"""Journeys are judged as a VPC would: filters in order, answers too, address translation, every zone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import load_assembly
from audit.errors import AuditError
from audit.reach.journey import Internet, Journey, Service, journey
from audit.reach.load import read_network
from audit.reach.matrix import as_json, pairs
from audit.reach.network import Interface, Network
from tests.audit import vpc
from tests.audit.folders import write_assembly

Build = Callable[[dict[str, Any]], Network]
LINUX = (32_768, 60_999)


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return lambda template: read_network(load_assembly(write_assembly(tmp_path / "cdk.out", One=template)))


def interface(network: Network, owner: str, zone: str = "a") -> Interface:
    return next(
        item
        for item in network.interfaces
        if item.owner.logical_id == owner and network.subnets[item.subnet].zone == f"eu-west-1{zone}"
    )


def drop(found: Journey, port: int) -> str:
    """The hop and the rule that decide about a port, with the direction."""
    (item,) = found.blocked([(port, port)])
    return f"{item.verdict.direction} {item.verdict.hop}: {item.verdict.rule}"


@pytest.mark.parametrize("zone", vpc.ZONES)
def test_the_textbook_list_lets_a_query_through_and_drops_the_reply(build: Build, zone: str) -> None:
    network = build(vpc.template(vpc.textbook()))
    found = journey(network, interface(network, "Web"), interface(network, "Database", zone))
    assert found.delivered == ((5432, 5432),)
    assert found.some == ()
    assert drop(found, 5432) == "return One.AppAcl ingress: rule * (deny all that is left)"
    example = found.blocked([(5432, 5432)])[0].example
    assert example is not None
    assert str(example).startswith("tcp 10.0.2")
    assert str(example).endswith(":32768")


def test_the_textbook_list_drops_the_answers_of_s3_and_of_the_internet(build: Build) -> None:
    network = build(vpc.template(vpc.textbook()))
    for target in (Internet(), Service("s3")):
        found = journey(network, interface(network, "Web"), target)
        assert found.delivered == ((443, 443),)
        assert found.complete == ()
        assert "AppAcl ingress: rule *" in drop(found, 443)


@pytest.mark.parametrize("zone", vpc.ZONES)
def test_with_the_way_back_every_round_trip_of_the_flow_completes(build: Build, zone: str) -> None:
    network = build(vpc.template(vpc.corrected()))
    web, database = interface(network, "Web"), interface(network, "Database", zone)
    assert journey(network, web, database).complete == ((5432, 5432),)
    assert journey(network, web, Internet()).complete == ((443, 443),)
    assert journey(network, interface(network, "Balancer", zone), web).complete == ((80, 80),)
    assert journey(network, Internet(), interface(network, "Balancer", zone)).complete == ((443, 443),)
    assert journey(network, database, web).delivered == ()


def test_ports_of_linux_alone_are_too_few_for_a_load_balancer(build: Build) -> None:
    """Narrowing the ephemeral range to Linux's breaks half of the connections of clients that use 1024-65535."""
    acls = vpc.corrected()
    acls["App"] = [rule if rule[3] != 1024 else (*rule[:3], *LINUX) for rule in acls["App"]]
    network = build(vpc.template(acls))
    found = journey(network, interface(network, "Balancer"), interface(network, "Web"))
    assert found.complete == ()
    assert found.partial == ((80, 80),)
    assert found.share(80) == pytest.approx((60_999 - 32_768 + 1) / (65_535 - 1024 + 1))
    assert journey(network, interface(network, "Web"), interface(network, "Database")).complete == ((5432, 5432),)


def test_a_nat_gateway_needs_all_its_ports_back(build: Build) -> None:
    acls = vpc.corrected()
    acls["Public"][0] = (vpc.INGRESS, "allow", vpc.ANYWHERE, *LINUX)
    acls["Public"].append((vpc.INGRESS, "allow", "10.0.0.0/16", -1, -1))
    network = build(vpc.template(acls))
    found = journey(network, interface(network, "Web"), Internet())
    assert found.partial == ((443, 443),)
    assert found.through == ("One.Nata",)
    assert found.share(443) == pytest.approx((60_999 - 32_768 + 1) / (65_535 - 1024 + 1))


def test_s3_goes_through_the_endpoint_and_the_internet_through_the_own_zones_nat(build: Build) -> None:
    network = build(vpc.template(vpc.corrected()))
    for zone in vpc.ZONES:
        web = interface(network, "Web", zone)
        assert journey(network, web, Service("s3")).through == ("One.S3",)
        assert journey(network, web, Internet()).through == (f"One.Nat{zone}",)


def test_without_its_zones_nat_gateway_a_default_route_leads_nowhere(build: Build) -> None:
    template = vpc.template(vpc.corrected())
    template["Resources"]["AppOutb"]["Properties"]["NatGatewayId"] = {"Ref": "Nata"}
    network = build(template).without_zone("eu-west-1a")
    found = journey(network, interface(network, "Web", "b"), Internet())
    assert found.delivered == ()
    assert "AppOutb" in drop(found, 443)


def test_the_first_matching_rule_decides_not_the_last(build: Build) -> None:
    acls = vpc.corrected()
    acls["Db"].insert(0, (vpc.INGRESS, "deny", vpc.block("App", "a"), 5432, 5432))
    network = build(vpc.template(acls))
    database = interface(network, "Database")
    assert drop(journey(network, interface(network, "Web", "a"), database), 5432).startswith(
        "forward One.DbAcl ingress"
    )
    assert journey(network, interface(network, "Web", "b"), database).complete == ((5432, 5432),)


def test_a_rule_that_covers_half_a_subnet_completes_for_some_packets_only(build: Build) -> None:
    acls = vpc.corrected()
    acls["Db"].insert(0, (vpc.INGRESS, "deny", "10.0.11.0/25", 5432, 5432))
    network = build(vpc.template(acls))
    found = journey(network, interface(network, "Web", "a"), interface(network, "Database"))
    assert (found.complete, found.partial) == ((), ((5432, 5432),))
    assert found.share(5432) == pytest.approx(0.5)


def test_inside_a_subnet_no_network_acl_is_asked(build: Build) -> None:
    template = vpc.template(vpc.textbook())
    template["Resources"]["DbSubnets"]["Properties"]["SubnetIds"] = [{"Ref": "Appa"}]
    network = build(template)
    found = journey(network, interface(network, "Web", "a"), interface(network, "Database", "a"))
    assert found.complete == ((5432, 5432),)


def test_a_group_without_any_egress_rule_lets_everything_out(build: Build) -> None:
    template = vpc.template(vpc.corrected())
    assert journey(build(template), interface(build(template), "Database"), Internet()).delivered == ()
    del template["Resources"]["DbOut"]
    template["Resources"]["DbOutRoute"] = {
        "Type": "AWS::EC2::Route",
        "Properties": {
            "RouteTableId": {"Ref": "DbTablea"},
            "DestinationCidrBlock": "0.0.0.0/0",
            "NatGatewayId": {"Ref": "Nata"},
        },
    }
    network = build(template)
    assert journey(network, interface(network, "Database"), Internet()).delivered == ((1024, 65_535),)


def test_a_public_address_without_a_way_back_is_reached_and_cannot_answer(build: Build) -> None:
    """The internet gateway delivers by address; routes are asked for what leaves the subnet."""
    template = vpc.template(vpc.corrected())
    del template["Resources"]["PublicOuta"]
    network = build(template)
    found = journey(network, Internet(), interface(network, "Balancer"))
    assert (found.delivered, found.some) == (((443, 443),), ())
    assert drop(found, 443).startswith("return One.Publica routes")


def test_an_interface_without_a_public_address_is_out_of_the_internets_reach(build: Build) -> None:
    network = build(vpc.template(vpc.corrected()))
    assert journey(network, Internet(), interface(network, "Database")).refused == "it has no public address"


def test_without_an_attached_gateway_a_public_subnet_is_none(build: Build) -> None:
    template = vpc.template(vpc.corrected())
    del template["Resources"]["Attachment"]
    network = build(template)
    refused = journey(network, Internet(), interface(network, "Balancer")).refused
    assert refused is not None
    assert refused == "its VPC has no internet gateway"


def test_a_subnet_without_an_association_has_the_vpcs_open_acl_and_its_bare_routes(build: Build) -> None:
    template = vpc.template(vpc.textbook())
    for name in ("AppaAcl", "AppaTable"):
        del template["Resources"][name]
    network = build(template)
    web = interface(network, "Web", "a")
    assert journey(network, web, interface(network, "Database")).complete == ((5432, 5432),)
    assert drop(journey(network, web, Internet()), 443).endswith("no route")


def test_a_task_calls_from_the_ports_that_its_definition_pins(build: Build) -> None:
    template = vpc.template(vpc.corrected())
    template["Resources"] |= {
        "Task": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": {
                "ContainerDefinitions": [
                    {"SystemControls": [{"Namespace": "net.ipv4.ip_local_port_range", "Value": "40000 50000"}]}
                ]
            },
        },
        "Service": {
            "Type": "AWS::ECS::Service",
            "Properties": {
                "TaskDefinition": {"Ref": "Task"},
                "NetworkConfiguration": {
                    "AwsvpcConfiguration": {"Subnets": [{"Ref": "Appa"}], "SecurityGroups": [{"Ref": "WebGroup"}]}
                },
            },
        },
    }
    assert interface(build(template), "Service").client_ports == (40_000, 50_000)


def test_tasks_that_a_function_starts_are_in_the_network_too(build: Build) -> None:
    template = vpc.template(vpc.corrected())
    template["Resources"]["Burst"] = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Environment": {
                "Variables": {
                    "SUBNETS": {"Fn::Join": [",", [{"Ref": "Appa"}, {"Ref": "Appb"}]]},
                    "SECURITY_GROUP": {"Ref": "WebGroup"},
                }
            }
        },
    }
    network = build(template)
    started = [item for item in network.interfaces if item.owner.logical_id == "Burst"]
    assert [str(item) for item in started] == ["Burst @ Appa", "Burst @ Appb"]
    assert journey(network, started[0], interface(network, "Database")).complete == ((5432, 5432),)


@pytest.mark.parametrize(
    ("name", "resource", "says"),
    [
        ("Peering", {"Type": "AWS::EC2::VPCPeeringConnection"}, "this type is not modelled"),
        ("Mount", {"Type": "AWS::EFS::MountTarget", "Properties": {"SubnetId": {"Ref": "Appa"}}}, "not modelled"),
        (
            "Stray",
            {"Type": "AWS::EC2::Instance", "Properties": {"SubnetId": "subnet-1", "SecurityGroupIds": []}},
            "subnet-1: not a resource of these templates",
        ),
        (
            "Route",
            {
                "Type": "AWS::EC2::Route",
                "Properties": {
                    "RouteTableId": {"Ref": "AppTablea"},
                    "DestinationCidrBlock": "10.9.0.0/16",
                    "TransitGatewayId": "tgw-1",
                },
            },
            "routes to it are not modelled",
        ),
        (
            "Rule",
            {
                "Type": "AWS::EC2::SecurityGroupIngress",
                "Properties": {"GroupId": {"Ref": "DbGroup"}, "IpProtocol": "tcp", "CidrIp": {"Fn::Magic": 1}},
            },
            "Fn::Magic is not modelled",
        ),
        (
            "Nlb",
            {
                "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
                "Properties": {"Type": "network", "Subnets": [{"Ref": "Publica"}]},
            },
            "Type network is not modelled",
        ),
        (
            "Maybe",
            {"Type": "AWS::EC2::NetworkAcl", "Condition": "Unheard"},
            "condition 'Unheard' is not defined",
        ),
    ],
)
def test_what_is_not_modelled_is_refused_by_name(build: Build, name: str, resource: dict[str, Any], says: str) -> None:
    template = vpc.template(vpc.corrected())
    template["Resources"][name] = resource
    with pytest.raises(AuditError) as refused:
        build(template)
    assert any(f"One.{name}" in problem.where and says in problem.why for problem in refused.value.problems)


def test_the_matrix_has_every_ordered_pair_once(build: Build) -> None:
    network = build(vpc.template(vpc.corrected()))
    matrix = as_json(network)
    ids = [end["id"] for end in matrix["ends"]]
    listed = [(pair["from"], pair["to"]) for pair in matrix["pairs"]]
    outside = {"internet", "s3"}
    assert sorted(listed) == sorted(
        (source, target) for source in ids for target in ids if source != target and not {source, target} <= outside
    )
    found = {(pair["from"], pair["to"]): pair for pair in matrix["pairs"]}
    assert found["Web @ Appa", "Database @ Dbb"]["tcp"]["complete"] == [[5432, 5432]]
    first, second = found["Web @ Appa", "Database @ Dbb"]["tcp"]["blocked"]
    # 443 may leave for anywhere, so that another hop stops it.
    assert (first["ports"], first["hop"]) == ([[0, 442], [444, 5431], [5433, 65_535]], "One.WebGroup egress")
    assert (second["ports"], second["hop"]) == ([[443, 443]], "One.DbAcl ingress")
    assert found["internet", "Database @ Dba"]["tcp"]["blocked"][0]["rule"] == "it has no public address"


def test_interfaces_that_are_alike_are_judged_alike(build: Build) -> None:
    network = build(vpc.template(vpc.corrected()))
    for pair in pairs(network):
        for name, found in pair.journeys.items():
            alone = journey(network, pair.source, pair.target, protocol=found.protocol)
            assert (alone.complete, alone.partial) == (found.complete, found.partial), name


@pytest.mark.parametrize(
    ("way", "key", "lists", "says"),
    [
        ("Egress", "DestinationPrefixListId", {}, "give --prefix-list pl-1=s3"),
        ("Ingress", "SourcePrefixListId", {"pl-1": "cloudfront"}, "takes packets from prefix list pl-1: not modelled"),
    ],
)
def test_a_list_of_addresses_that_only_aws_knows_is_refused(
    tmp_path: Path, way: str, key: str, lists: dict[str, str], says: str
) -> None:
    template = vpc.template(vpc.corrected())
    rule = {"GroupId": {"Ref": "WebGroup"}, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, key: "pl-1"}
    template["Resources"]["List"] = {"Type": f"AWS::EC2::SecurityGroup{way}", "Properties": rule}
    assembly = load_assembly(write_assembly(tmp_path / "cdk.out", One=template))
    with pytest.raises(AuditError, match=says):
        read_network(assembly, prefix_lists=lists)


def test_a_rule_for_a_services_addresses_lets_packets_to_it_through_and_no_others(tmp_path: Path) -> None:
    template = vpc.template(vpc.corrected())
    template["Resources"]["WebOut"]["Properties"].pop("CidrIp")
    template["Resources"]["WebOut"]["Properties"]["DestinationPrefixListId"] = "pl-1"
    assembly = load_assembly(write_assembly(tmp_path / "cdk.out", One=template))
    network = read_network(assembly, prefix_lists={"pl-1": "s3"})
    web = interface(network, "Web")
    assert journey(network, web, Service("s3")).complete == ((443, 443),)
    assert journey(network, web, Internet()).delivered == ()
