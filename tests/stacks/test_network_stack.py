"""The Network stack: subnets, routes, NAT, endpoints, logs."""

import json

import pytest

from tests.stacks.template import Resource, Template, ref

DESIGN_MAP = {
    "public-a": "10.0.1.0/24",
    "public-b": "10.0.2.0/24",
    "public-c": "10.0.3.0/24",
    "private-app-a": "10.0.11.0/24",
    "private-app-b": "10.0.12.0/24",
    "private-app-c": "10.0.13.0/24",
    "private-db-a": "10.0.21.0/24",
    "private-db-b": "10.0.22.0/24",
    "private-db-c": "10.0.23.0/24",
}


def _subnet_map(template: Template) -> dict[str, str]:
    names = template.names("AWS::EC2::Subnet")
    return {name: template.all("AWS::EC2::Subnet")[logical_id]["CidrBlock"] for name, logical_id in names.items()}


def _routes(template: Template) -> dict[str, list[Resource]]:
    """The routes that a subnet uses, by the subnet's name."""
    subnet_of = {
        ref(association["RouteTableId"]): template.name_of(ref(association["SubnetId"]))
        for association in template.all("AWS::EC2::SubnetRouteTableAssociation").values()
    }
    routes: dict[str, list[Resource]] = {name: [] for name in subnet_of.values()}
    for route in template.all("AWS::EC2::Route").values():
        routes[subnet_of[ref(route["RouteTableId"])]].append(route)
    return routes


@pytest.mark.parametrize("environment", ["dev", "staging", "prod"])
def test_an_environment_has_the_six_subnets_of_the_design(templates: dict[str, Template], environment: str) -> None:
    assert templates[environment].only("AWS::EC2::VPC")["CidrBlock"] == "10.0.0.0/16"
    assert _subnet_map(templates[environment]) == {
        name: block for name, block in DESIGN_MAP.items() if name[-1] in "ab"
    }


def test_a_third_zone_adds_its_subnets_and_moves_no_other(templates: dict[str, Template]) -> None:
    assert _subnet_map(templates["three-zones"]) == DESIGN_MAP
    two = templates["prod"].names("AWS::EC2::Subnet")
    assert two.items() <= templates["three-zones"].names("AWS::EC2::Subnet").items()


def test_each_subnet_has_a_route_table_and_a_network_acl_of_its_tier(template: Template) -> None:
    names = template.names("AWS::EC2::Subnet")
    tables = template.all("AWS::EC2::SubnetRouteTableAssociation").values()
    assert sorted(template.name_of(ref(table["SubnetId"])) for table in tables) == sorted(names)
    assert len({ref(table["RouteTableId"]) for table in tables}) == len(names)
    acls = template.all("AWS::EC2::SubnetNetworkAclAssociation").values()
    assert {template.name_of(ref(acl["SubnetId"])): template.name_of(ref(acl["NetworkAclId"])) for acl in acls} == {
        name: name.rpartition("-")[0] for name in names
    }
    assert len(acls) == len(names)


def test_only_the_public_tier_has_a_route_to_the_internet_gateway(template: Template) -> None:
    for name, routes in _routes(template).items():
        through_gateway = [route for route in routes if "GatewayId" in route]
        if name.startswith("public-"):
            assert [route["DestinationCidrBlock"] for route in through_gateway] == ["0.0.0.0/0"]
        else:
            assert not through_gateway


@pytest.mark.parametrize("configuration", ["prod", "staging", "three-zones"])
def test_an_app_subnet_leaves_through_the_nat_gateway_of_its_own_zone(
    templates: dict[str, Template], configuration: str
) -> None:
    template = templates[configuration]
    zones = sorted({name[-1] for name in template.names("AWS::EC2::Subnet")})
    gateways = template.all("AWS::EC2::NatGateway")
    assert len(gateways) == len(template.all("AWS::EC2::EIP")) == len(zones)
    for zone in zones:
        (route,) = _routes(template)[f"private-app-{zone}"]
        assert route["DestinationCidrBlock"] == "0.0.0.0/0"
        gateway = gateways[ref(route["NatGatewayId"])]
        assert template.name_of(ref(gateway["SubnetId"])) == f"public-{zone}"


@pytest.mark.parametrize(("configuration", "first"), [("dev", "a"), ("small", "a")])
def test_a_single_nat_gateway_stands_in_the_first_zone_and_serves_all(
    templates: dict[str, Template], configuration: str, first: str
) -> None:
    template = templates[configuration]
    (gateway_id,) = template.all("AWS::EC2::NatGateway")
    assert template.name_of(ref(template.only("AWS::EC2::NatGateway")["SubnetId"])) == f"public-{first}"
    for name, routes in _routes(template).items():
        if name.startswith("private-app-"):
            assert [ref(route["NatGatewayId"]) for route in routes] == [gateway_id]


def test_a_database_subnet_has_no_route_out_of_the_vpc(template: Template) -> None:
    for name, routes in _routes(template).items():
        if name.startswith("private-db-"):
            assert routes == []


def test_nothing_gets_a_public_address_by_being_in_a_public_subnet(template: Template) -> None:
    assert all(subnet["MapPublicIpOnLaunch"] is False for subnet in template.all("AWS::EC2::Subnet").values())


def test_s3_is_reached_through_a_gateway_endpoint_from_every_private_subnet(template: Template) -> None:
    gateways = [
        endpoint
        for endpoint in template.all("AWS::EC2::VPCEndpoint").values()
        if endpoint["VpcEndpointType"] == "Gateway"
    ]
    assert len(gateways) == 1
    assert gateways[0]["ServiceName"].endswith(".s3")
    served = {template.name_of(ref(table)) for table in gateways[0]["RouteTableIds"]}
    assert served == {name for name in template.names("AWS::EC2::Subnet") if not name.startswith("public-")}


@pytest.mark.parametrize(
    ("configuration", "services"),
    [
        ("dev", {"ssm", "ssmmessages", "ec2messages"}),
        ("prod", {"ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "logs", "sqs"}),
        ("three-zones", {"ssm", "ssmmessages", "ec2messages", "kms", "sts"}),
    ],
)
def test_interface_endpoints_stand_in_every_app_subnet_behind_their_security_group(
    templates: dict[str, Template], configuration: str, services: set[str]
) -> None:
    template = templates[configuration]
    endpoints = [
        endpoint
        for endpoint in template.all("AWS::EC2::VPCEndpoint").values()
        if endpoint["VpcEndpointType"] == "Interface"
    ]
    assert {endpoint["ServiceName"] for endpoint in endpoints} == {
        f"com.amazonaws.eu-west-1.{service}" for service in services
    }
    app = {name for name in template.names("AWS::EC2::Subnet") if name.startswith("private-app-")}
    for endpoint in endpoints:
        assert {template.name_of(ref(subnet)) for subnet in endpoint["SubnetIds"]} == app
        assert [template.name_of(ref(group)) for group in endpoint["SecurityGroupIds"]] == ["interface-endpoints"]
        assert endpoint["PrivateDnsEnabled"] is True


def test_only_the_load_balancer_is_open_to_the_internet_and_only_on_443_and_80(template: Template) -> None:
    opened = {
        (template.name_of(logical_id), rule["FromPort"], rule["ToPort"])
        for logical_id, group in template.all("AWS::EC2::SecurityGroup").items()
        for rule in group.get("SecurityGroupIngress", [])
        if rule.get("CidrIp") == "0.0.0.0/0"
    }
    assert opened == {("load-balancer", 443, 443), ("load-balancer", 80, 80)}
    assert not any("CidrIp" in rule for rule in template.all("AWS::EC2::SecurityGroupIngress").values())


@pytest.mark.parametrize("group", ["database", "session-store", "interface-endpoints"])
def test_parties_that_only_answer_have_no_egress(template: Template, group: str) -> None:
    logical_id = template.names("AWS::EC2::SecurityGroup")[group]
    egress = template.all("AWS::EC2::SecurityGroup")[logical_id]["SecurityGroupEgress"]
    assert [rule["CidrIp"] for rule in egress] == ["255.255.255.255/32"]
    assert logical_id not in {ref(rule["GroupId"]) for rule in template.all("AWS::EC2::SecurityGroupEgress").values()}


def test_every_group_states_its_egress_so_that_none_is_given_the_default_that_allows_all(template: Template) -> None:
    assert all(group["SecurityGroupEgress"] for group in template.all("AWS::EC2::SecurityGroup").values())


def test_the_default_security_group_of_the_vpc_is_closed_at_deployment(template: Template) -> None:
    (vpc,) = template.all("AWS::EC2::VPC")
    closed = template.only("Custom::ClosedDefaultSecurityGroup")
    assert closed["GroupId"] == {"Fn::GetAtt": [vpc, "DefaultSecurityGroup"]}
    function = template.all("AWS::Lambda::Function")[ref(closed["ServiceToken"])]
    assert "def handler(" in function["Code"]["ZipFile"]
    assert len(function["Code"]["ZipFile"]) <= 4096


def test_all_traffic_is_logged_to_an_encrypted_group(template: Template) -> None:
    flow_log = template.only("AWS::EC2::FlowLog")
    assert flow_log["TrafficType"] == "ALL"
    assert ref(flow_log["ResourceId"]) in template.all("AWS::EC2::VPC")
    group = template.all("AWS::Logs::LogGroup")[ref(flow_log["LogGroupName"])]
    assert ref(group["KmsKeyId"]) in template.all("AWS::KMS::Key")


@pytest.mark.parametrize(("configuration", "days"), [("dev", 7), ("staging", 30), ("prod", 365)])
def test_flow_logs_are_kept_as_long_as_the_settings_say(
    templates: dict[str, Template], configuration: str, days: int
) -> None:
    groups = templates[configuration].all("AWS::Logs::LogGroup").values()
    assert {group["RetentionInDays"] for group in groups} == {days}


@pytest.mark.parametrize(("configuration", "policy"), [("prod", "Retain"), ("dev", "Delete")])
def test_flow_logs_outlive_the_stack_where_it_is_protected(
    templates: dict[str, Template], configuration: str, policy: str
) -> None:
    template = templates[configuration]
    records = template.content["Resources"][ref(template.only("AWS::EC2::FlowLog")["LogGroupName"])]
    assert records["DeletionPolicy"] == policy
    # A log group that is kept can be read only with its key.
    assert {template.content["Resources"][key]["DeletionPolicy"] for key in template.all("AWS::KMS::Key")} == {policy}


def test_no_statement_allows_every_action_or_every_resource_to_a_role(template: Template) -> None:
    for policy in template.all("AWS::IAM::ManagedPolicy").values():
        for statement in policy["PolicyDocument"]["Statement"]:
            assert "*" not in json.dumps(statement["Action"])
            assert statement["Resource"] != "*"


def test_everything_that_takes_tags_says_whose_it_is(templates: dict[str, Template]) -> None:
    for logical_id, resource in templates["elsewhere"].content["Resources"].items():
        tags = resource.get("Properties", {}).get("Tags")
        if tags is not None:
            found = {tag["Key"]: tag["Value"] for tag in tags}
            expected = {"Project": "rawmill", "Environment": "elsewhere", "CostCentre": "4711"}
            assert expected.items() <= found.items(), logical_id


def test_zones_that_are_not_the_first_ones_keep_their_letters(templates: dict[str, Template]) -> None:
    template = templates["elsewhere"]
    zones = {
        template.name_of(logical_id): subnet["AvailabilityZone"]
        for logical_id, subnet in template.all("AWS::EC2::Subnet").items()
    }
    assert zones["public-b"] == "us-west-2b"
    assert zones["private-db-d"] == "us-west-2d"
