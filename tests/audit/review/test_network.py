"""Network paths are compared by packets: what a rule over addresses admits, what a route leads to, in both ways."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit.assembly import load_assembly
from audit.reach.load import read_network
from audit.review.paths import Layer, PathChange, Way, tiers_of
from tests.audit.folders import write_assembly
from tests.audit.review.pairs import resource, reviewed


def ingress(group: str, port: int, **peer: Any) -> dict[str, Any]:
    return resource(
        "EC2::SecurityGroupIngress", GroupId={"Ref": group}, IpProtocol="tcp", FromPort=port, ToPort=port, **peer
    )


def told(found: tuple[PathChange, ...]) -> list[tuple[str, str, str, str, tuple[tuple[int, int], ...]]]:
    return [(item.layer.name, item.way.value, item.source, item.target, item.ports) for item in found]


def test_a_rule_over_addresses_opens_the_port_to_whoever_is_put_there(tmp_path: Path) -> None:
    def change(resources: dict[str, Any]) -> None:
        for number, block in enumerate(("10.0.11.0/24", "10.0.12.0/24")):
            resources[f"Open{number}"] = ingress("DbGroup", 5432, CidrIp=block)

    review = reviewed(tmp_path, change)
    assert told(review.paths) == [("ANYBODY", "opened", "anything in app subnets", "db group", ((5432, 5432),))]
    assert review.paths[0].packet == "tcp 10.0.11.10:50000 -> 10.0.21.10:5432"
    assert review.paths[0].zones == ()


def test_a_rule_for_the_block_of_one_zone_is_told_with_its_zones(tmp_path: Path) -> None:
    review = reviewed(
        tmp_path, lambda resources: resources.update(Open=ingress("DbGroup", 5432, CidrIp="10.0.11.0/24"))
    )
    assert review.paths[0].zones == (("eu-west-1a", "eu-west-1a"), ("eu-west-1a", "eu-west-1b"))


def test_a_rule_that_no_packet_can_use_opens_nothing(tmp_path: Path) -> None:
    """The network ACL of the database's subnets takes in 5432 only."""
    opened = ingress("DbGroup", 6379, CidrIp="10.0.11.0/24")
    review = reviewed(tmp_path, lambda resources: resources.update(Open=opened))
    assert review.paths == ()
    assert len(review.resources) == 1


def test_a_rule_for_all_of_the_vpc_opens_the_port_to_neighbours_which_no_network_acl_stops(tmp_path: Path) -> None:
    opened = ingress("DbGroup", 6379, CidrIp="10.0.0.0/16")
    (path,) = reviewed(tmp_path, lambda resources: resources.update(Open=opened)).paths
    assert (path.source, path.target) == ("anything in db subnets", "db group")
    assert path.zones == (("eu-west-1a", "eu-west-1a"), ("eu-west-1b", "eu-west-1b"))


def test_a_rule_that_is_written_twice_opens_nothing(tmp_path: Path) -> None:
    again = ingress("DbGroup", 5432, SourceSecurityGroupId={"Ref": "WebGroup"})
    assert reviewed(tmp_path, lambda resources: resources.update(Again=again)).paths == ()


def test_a_rule_that_goes_closes_the_path_between_two_groups(tmp_path: Path) -> None:
    review = reviewed(tmp_path, lambda resources: resources.pop("DbIn"))
    assert ("PARTIES", "closed", "web group", "db group", ((5432, 5432),)) in told(review.paths)
    assert not any(item.way is Way.OPENED for item in review.paths)


def test_a_network_acl_that_forgets_the_way_back_breaks_answers(tmp_path: Path) -> None:
    review = reviewed(tmp_path, lambda resources: resources.pop("DbAcl3"))
    assert ("PARTIES", "no longer answered", "web group", "db group", ((5432, 5432),)) in told(review.paths)


def test_a_wider_network_acl_is_told_as_such_while_security_groups_hold(tmp_path: Path) -> None:
    def change(resources: dict[str, Any]) -> None:
        resources["DbAcl1"]["Properties"]["PortRange"] = {"From": 5432, "To": 5433}

    paths = reviewed(tmp_path, change).paths
    assert {item.layer for item in paths} == {Layer.EDGES}
    assert {item.ports for item in paths} == {((5433, 5433),)}


def test_another_nat_gateway_on_the_way_is_no_other_path(tmp_path: Path) -> None:
    def change(resources: dict[str, Any]) -> None:
        resources["AppOutb"]["Properties"]["NatGatewayId"] = {"Ref": "Nata"}

    assert reviewed(tmp_path, change).paths == ()


def test_a_renamed_security_group_opens_and_closes_nothing(tmp_path: Path) -> None:
    def change(resources: dict[str, Any]) -> None:
        moved = json.loads(json.dumps(resources).replace('"WebGroup"', '"FrontGroup"'))
        resources.clear()
        resources.update(moved)

    assert reviewed(tmp_path, change).paths == ()


@pytest.mark.parametrize(
    ("names", "tiers"),
    [
        (("PrivateAppA", "PrivateAppB"), {"private app"}),
        (("Appa", "Appb"), {"app"}),
        (("PublicSubnet1", "PublicSubnet2"), {"public"}),
        (("Data", "Web"), {"data", "web"}),
    ],
)
def test_subnets_of_several_zones_have_one_name(tmp_path: Path, names: tuple[str, str], tiers: set[str]) -> None:
    subnets = {
        name: resource(
            "EC2::Subnet",
            VpcId={"Ref": "Vpc"},
            CidrBlock=f"10.0.{index}.0/24",
            AvailabilityZone=f"eu-west-1{'ab'[index]}",
        )
        for index, name in enumerate(names)
    }
    template = {"Resources": {"Vpc": resource("EC2::VPC", CidrBlock="10.0.0.0/16"), **subnets}}
    network = read_network(load_assembly(write_assembly(tmp_path, One=template)))
    assert set(tiers_of(network).values()) == tiers
