"""Deaths are judged by what is left: parts in zones, standbys that take over, services that AWS keeps in several."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import load_assembly
from audit.cli.main import main
from audit.reach.load import read_network
from audit.spof.judge import Judgement, judge
from audit.spof.model import Function
from audit.spof.read import read_components
from tests.audit import vpc
from tests.audit.folders import write_assembly

Build = Callable[[dict[str, Any]], Judgement]


def platform() -> dict[str, Any]:
    """The template of two zones, with a service on the instances, a standby database and a session store."""
    template = vpc.template(vpc.corrected())
    resources = template["Resources"]
    resources["Database"]["Properties"]["MultiAZ"] = True
    resources["Web"]["Properties"] |= {"MinSize": "2", "MaxSize": "4"}
    resources["CacheSubnets"] = {
        "Type": "AWS::ElastiCache::SubnetGroup",
        "Properties": {"SubnetIds": [{"Ref": "Dba"}, {"Ref": "Dbb"}]},
    }
    resources["Cache"] = {
        "Type": "AWS::ElastiCache::ReplicationGroup",
        "Properties": {
            "CacheSubnetGroupName": {"Ref": "CacheSubnets"},
            "SecurityGroupIds": [{"Fn::GetAtt": ["DbGroup", "GroupId"]}],
            "NumCacheClusters": 2,
            "AutomaticFailoverEnabled": True,
            "MultiAZEnabled": True,
        },
    }
    resources["Targets"] = {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"HealthCheckIntervalSeconds": 30, "UnhealthyThresholdCount": 3},
    }
    resources["Provider"] = {
        "Type": "AWS::ECS::CapacityProvider",
        "Properties": {"AutoScalingGroupProvider": {"AutoScalingGroupArn": {"Ref": "Web"}}},
    }
    resources["Service"] = {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "DesiredCount": 2,
            "CapacityProviderStrategy": [{"CapacityProvider": {"Ref": "Provider"}}],
            "LoadBalancers": [{"TargetGroupArn": {"Ref": "Targets"}}],
            "NetworkConfiguration": {
                "AwsvpcConfiguration": {
                    "Subnets": [{"Ref": "Appa"}, {"Ref": "Appb"}],
                    "SecurityGroups": [{"Fn::GetAtt": ["WebGroup", "GroupId"]}],
                }
            },
        },
    }
    resources["Queue"] = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 900}}
    return template


@pytest.fixture
def build(tmp_path: Path) -> Build:
    def run(template: dict[str, Any]) -> Judgement:
        assembly = load_assembly(write_assembly(tmp_path / "cdk.out", One=template))
        network = read_network(assembly)
        return judge(read_components(assembly, network), network.zones)

    return run


def test_a_platform_with_two_of_everything_has_no_single_point_of_failure(build: Build) -> None:
    judgement = build(platform())
    assert not judgement.single_points
    assert {component.name for component, _ in judgement.parts} == {
        "load balancer",
        "web tasks and their instances",
        "database",
        "session store",
        "NAT gateways",
        "SQS",
    }


def test_times_come_from_the_templates_own_numbers(build: Build) -> None:
    found = {component.name: component for component, _ in build(platform()).parts}
    assert list(found["web tasks and their instances"].recovery_s or ()) == [90, 390]
    assert "health check every 30 s, 3 failures" in found["web tasks and their instances"].basis


@pytest.mark.parametrize(
    ("resource", "key", "value", "what", "stops"),
    [
        ("Database", "MultiAZ", False, "one of database", {Function.API, Function.DEVELOPMENT}),
        ("Cache", "NumCacheClusters", 1, "one of session store", {Function.API}),
        ("Cache", "AutomaticFailoverEnabled", False, "one of session store", {Function.API}),
        ("Web", "MinSize", "1", "one of web tasks and their instances", {Function.API}),
        ("Service", "DesiredCount", 1, "one of web tasks and their instances", {Function.API}),
        ("AppOutb", "NatGatewayId", {"Ref": "Nata"}, "one of NAT gateways", {Function.API, Function.DEVELOPMENT}),
        ("Balancer", "Subnets", [{"Ref": "Publica"}], "one of load balancer", {Function.API}),
    ],
)
def test_one_of_a_kind_is_a_single_point_of_failure(
    build: Build, *, resource: str, key: str, value: Any, what: str, stops: set[Function]
) -> None:
    template = platform()
    template["Resources"][resource]["Properties"][key] = value
    found = {death.what: death.stops for death in build(template).single_points}
    assert found[what] == stops


def test_parts_in_one_zone_die_with_it(build: Build) -> None:
    template = platform()
    network = template["Resources"]["Service"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
    network["Subnets"] = [{"Ref": "Appa"}]
    judgement = build(template)
    lost = {death.what: death for death in judgement.zones}
    assert lost["zone eu-west-1a"].stops == {Function.API}
    assert lost["zone eu-west-1a"].because == ("web tasks and their instances",)
    assert not lost["zone eu-west-1b"].stops


def test_what_stops_without_a_component_is_told_also_where_nothing_can_die_alone(build: Build) -> None:
    stops = {component.name: death.stops for component, death in build(platform()).wholes}
    assert stops["database"] == {Function.API, Function.DEVELOPMENT}
    assert stops["SQS"] == {Function.DEVELOPMENT}


def test_the_command_fails_on_a_single_point_unless_told_to_tolerate_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = platform()
    folder = str(write_assembly(tmp_path / "cdk.out", One=template))
    assert main(["spof", folder]) == 0
    assert "no single point of failure" in capsys.readouterr().out
    template["Resources"]["Database"]["Properties"]["MultiAZ"] = False
    write_assembly(tmp_path / "cdk.out", One=template)
    assert main(["spof", folder]) == 1
    assert "single point of failure: one of database stops" in capsys.readouterr().out
    assert main(["spof", folder, "--tolerate"]) == 0


def test_a_count_that_only_a_deployment_knows_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = platform()
    template["Resources"]["Web"]["Properties"]["MinSize"] = {"Fn::GetAtt": ["Queue", "QueueName"]}
    assert main(["spof", str(write_assembly(tmp_path / "cdk.out", One=template))]) == 2
    assert "MinSize: ${One.Queue.QueueName} is only known when deployed" in capsys.readouterr().err


def test_an_instance_of_no_group_is_a_single_point_of_failure_with_all_that_runs_on_it(build: Build) -> None:
    template = platform()
    template["Resources"]["Lonely"] = {
        "Type": "AWS::EC2::Instance",
        "Properties": {"SubnetId": {"Ref": "Appb"}, "SecurityGroupIds": [{"Fn::GetAtt": ["WebGroup", "GroupId"]}]},
    }
    judgement = build(template)
    assert {death.what: death.stops for death in judgement.single_points} == {
        "one of server": set(Function),
        "zone eu-west-1b": set(Function),
    }
