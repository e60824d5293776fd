"""The Web stack: TLS at the entrance, a firewall before it, and a service that outlives zones and deployments."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.settings import Settings
from stacks.traffic import CLIENT_PORTS, Party
from tests.stacks.configurations import configurations
from tests.stacks.template import Resource, Template, ref

Templates = Callable[[str, str], Template]


@pytest.fixture(params=sorted(configurations()))
def configuration(request: pytest.FixtureRequest) -> Settings:
    """One configuration after the other."""
    return configurations()[request.param]


@pytest.fixture
def web(configuration: Settings, template_of: Templates) -> Template:
    """The Web template of one configuration after the other."""
    return template_of("Web", configuration.name)


@pytest.fixture
def prod(template_of: Templates) -> Template:
    """The Web template of production."""
    return template_of("Web", "prod")


def _attributes(resource: Resource, key: str) -> dict[str, Any]:
    return {item["Key"]: item["Value"] for item in resource[key]}


def _listeners(template: Template) -> dict[int, Resource]:
    return {listener["Port"]: listener for listener in template.all("AWS::ElasticLoadBalancingV2::Listener").values()}


def _container(template: Template) -> Resource:
    container: Resource = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]
    return container


def _statements(template: Template, role: str) -> dict[str, Resource]:
    """The statements of the policies of a role, by their ids."""
    return {
        statement["Sid"]: statement
        for policy in template.all("AWS::IAM::ManagedPolicy").values()
        if [ref(item) for item in policy["Roles"]] == [role]
        for statement in policy["PolicyDocument"]["Statement"]
    }


def _role(template: Template, description: str) -> str:
    found = [key for key, role in template.all("AWS::IAM::Role").items() if role["Description"] == description]
    assert len(found) == 1
    return found[0]


def test_with_a_domain_requests_are_answered_over_tls_1_2_or_1_3_alone(template_of: Templates) -> None:
    for name in ("prod", "staging"):
        listeners = _listeners(template_of("Web", name))
        assert listeners.keys() == {80, 443}
        assert listeners[443]["Protocol"] == "HTTPS"
        assert listeners[443]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-Res-")
        assert [action["Type"] for action in listeners[443]["DefaultActions"]] == ["forward"]
        assert listeners[80]["DefaultActions"] == [
            {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
        ]


def test_the_certificate_proves_itself_by_dns_in_the_domain_s_own_zone(prod: Template) -> None:
    certificate = prod.only("AWS::CertificateManager::Certificate")
    record = prod.only("AWS::Route53::RecordSet")
    balancer = next(iter(prod.all("AWS::ElasticLoadBalancingV2::LoadBalancer")))
    assert certificate["ValidationMethod"] == "DNS"
    assert certificate["DomainValidationOptions"] == [
        {"DomainName": "photos.example.com", "HostedZoneId": "Z0123456789ABCDEFGHIJ"}
    ]
    assert (record["Name"], record["Type"], record["HostedZoneId"]) == (
        "photos.example.com",
        "A",
        "Z0123456789ABCDEFGHIJ",
    )
    assert ref(record["AliasTarget"]["DNSName"]) == ref(record["AliasTarget"]["HostedZoneId"]) == balancer


def test_without_a_domain_it_serves_plain_http_and_says_so(template_of: Templates) -> None:
    dev = template_of("Web", "dev")
    listeners = _listeners(dev)
    assert listeners.keys() == {80}
    assert [action["Type"] for action in listeners[80]["DefaultActions"]] == ["forward"]
    assert not dev.all("AWS::CertificateManager::Certificate")
    assert not dev.all("AWS::Route53::RecordSet")
    url = dev.content["Outputs"]["Url"]
    assert "plain HTTP" in url["Description"]
    assert url["Value"]["Fn::Join"][1][0] == "http://"


def test_the_load_balancer_logs_refuses_ambiguous_requests_and_is_not_deleted_by_accident(
    web: Template, configuration: Settings
) -> None:
    balancer = web.only("AWS::ElasticLoadBalancingV2::LoadBalancer")
    attributes = _attributes(balancer, "LoadBalancerAttributes")
    assert balancer["Scheme"] == "internet-facing"
    assert len(balancer["Subnets"]) == len(configuration.network.zones)
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.prefix"] == "load-balancer"
    assert attributes["deletion_protection.enabled"] == str(configuration.termination_protection).lower()
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["routing.http.desync_mitigation_mode"] == "defensive"


def test_a_task_is_asked_for_its_health_as_the_design_says(web: Template) -> None:
    group = web.only("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["TargetType"] == "ip"
    assert group["Port"] == 80
    assert group["HealthCheckPath"] == "/health/"
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]) == (30, 5)
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 3)
    assert group["Matcher"] == {"HttpCode": "200"}


def test_the_firewall_stands_before_the_load_balancer_with_managed_rules_and_a_limit_per_address(
    web: Template, configuration: Settings
) -> None:
    acl = web.only("AWS::WAFv2::WebACL")
    rules = {rule["Name"]: rule for rule in sorted(acl["Rules"], key=lambda rule: rule["Priority"])}
    assert list(rules) == ["RateLimit", "AmazonIpReputationList", "CommonRuleSet", "KnownBadInputsRuleSet"]
    limit = rules["RateLimit"]
    assert limit["Statement"]["RateBasedStatement"]["Limit"] == configuration.web.rate_limit_per_5_minutes
    assert limit["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429
    assert all(rule["OverrideAction"] == {"None": {}} for name, rule in rules.items() if name != "RateLimit")
    association = web.only("AWS::WAFv2::WebACLAssociation")
    assert ref(association["ResourceArn"]) in web.all("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert ref(association["WebACLArn"]) in web.all("AWS::WAFv2::WebACL")


def test_a_job_of_ten_thousand_file_names_passes_the_firewall_and_no_other_rule_is_weakened(prod: Template) -> None:
    """The rule refuses bodies above 8 KB; file names of one job are about 2 MB."""
    overridden = {
        rule["Name"]: [
            (item["Name"], item["ActionToUse"])
            for item in rule["Statement"]["ManagedRuleGroupStatement"].get("RuleActionOverrides", [])
        ]
        for rule in prod.only("AWS::WAFv2::WebACL")["Rules"]
        if "ManagedRuleGroupStatement" in rule["Statement"]
    }
    assert overridden == {
        "AmazonIpReputationList": [],
        "CommonRuleSet": [("SizeRestrictions_BODY", {"Count": {}})],
        "KnownBadInputsRuleSet": [],
    }


def test_what_the_firewall_refuses_is_logged_without_keys_and_sessions(web: Template, configuration: Settings) -> None:
    logging = web.only("AWS::WAFv2::LoggingConfiguration")
    name = f"aws-waf-logs-rawmill-{configuration.name}-web"
    groups = [group for group in web.all("AWS::Logs::LogGroup").values() if group.get("LogGroupName") == name]
    assert len(groups) == 1
    assert "KmsKeyId" in groups[0]
    assert json.dumps(logging["LogDestinationConfigs"]).count(f':log-group:{name}"') == 1
    assert {field["SingleHeader"]["Name"] for field in logging["RedactedFields"]} == {"authorization", "cookie"}


def test_instances_are_in_every_zone_between_their_least_and_their_most(web: Template, configuration: Settings) -> None:
    group = web.only("AWS::AutoScaling::AutoScalingGroup")
    settings = configuration.web
    assert (group["MinSize"], group["MaxSize"]) == (str(settings.min_instances), str(settings.max_instances))
    assert len(group["VPCZoneIdentifier"]) == len(configuration.network.zones)
    assert "DesiredCapacity" not in group
    assert group["AvailabilityZoneDistribution"] == {"CapacityDistributionStrategy": "balanced-best-effort"}


def test_an_instance_starts_from_a_pinned_image_with_an_encrypted_disk_and_session_bound_metadata(
    web: Template, configuration: Settings
) -> None:
    launch = web.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert launch["MetadataOptions"]["HttpTokens"] == "required"
    assert launch["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert [(disk["Ebs"]["Encrypted"], disk["Ebs"]["VolumeType"]) for disk in launch["BlockDeviceMappings"]] == [
        (True, "gp3")
    ]
    assert "KeyName" not in launch
    assert [interface["AssociatePublicIpAddress"] for interface in launch["NetworkInterfaces"]] == [False]
    images = configuration.machine_image
    graviton = configuration.web.instance_type.startswith("t4g")
    own = images.arm64 if graviton else images.x86_64
    if own:
        assert launch["ImageId"] == own
    else:
        folder, suffix = ("arm64/", "arm64") if graviton else ("", "x86_64")
        assert launch["ImageId"] == (
            f"{{{{resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/{folder}al2023-ami-ecs-hvm-"
            f"{images.release}-kernel-6.1-{suffix}/image_id}}}}"
        )
        assert "recommended" not in launch["ImageId"]


def test_an_instance_is_told_to_join_its_cluster_to_keep_its_credentials_and_to_call_from_the_ports_let_back_in(
    web: Template,
) -> None:
    joined = web.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Join"][1]
    head, _, body = "".join(part if isinstance(part, str) else "THE-CLUSTER" for part in joined).partition("\n")
    assert head == "#cloud-config"
    config = json.loads(body)
    files = {file["path"]: file["content"] for file in config["write_files"]}
    agent = dict(line.split("=", 1) for line in files["/etc/ecs/ecs.config"].splitlines())
    assert agent["ECS_CLUSTER"] == "THE-CLUSTER"
    assert agent["ECS_AWSVPC_BLOCK_IMDS"] == "true"
    ports = CLIENT_PORTS[Party.WEB]
    path = "/etc/sysctl.d/90-client-ports.conf"
    assert files[path] == f"net.ipv4.ip_local_port_range = {ports.first} {ports.last}\n"
    assert config["runcmd"] == [["sysctl", "--load", path]]


def test_new_instances_are_in_service_before_old_ones_are_drained(web: Template) -> None:
    group = next(r for r in web.content["Resources"].values() if r["Type"] == "AWS::AutoScaling::AutoScalingGroup")
    refresh = group["UpdatePolicy"]["AutoScalingInstanceRefresh"]
    assert refresh["Strategy"] == "Rolling"
    assert refresh["Preferences"]["MinHealthyPercentage"] == 100
    provider = web.only("AWS::ECS::CapacityProvider")["AutoScalingGroupProvider"]
    assert (provider["ManagedScaling"]["Status"], provider["ManagedDraining"]) == ("ENABLED", "ENABLED")


def test_the_service_has_one_task_per_instance_spread_over_zones_and_no_number_of_its_own(web: Template) -> None:
    service = web.only("AWS::ECS::Service")
    assert service["PlacementConstraints"] == [{"Type": "distinctInstance"}]
    assert service["PlacementStrategies"] == [{"Type": "spread", "Field": "attribute:ecs.availability-zone"}]
    assert service["AvailabilityZoneRebalancing"] == "ENABLED"
    assert "DesiredCount" not in service
    assert service["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    assert service["EnableExecuteCommand"] is False


@pytest.mark.parametrize(
    ("name", "least", "most", "kept_percent"),
    [("prod", 2, 9, 100), ("staging", 2, 3, 100), ("dev", 1, 1, 0), ("three-zones", 3, 5, 100)],
)
def test_a_deployment_has_a_free_instance_to_start_on_and_is_rolled_back_when_it_fails(
    template_of: Templates, name: str, least: int, most: int, kept_percent: int
) -> None:
    template = template_of("Web", name)
    deployment = template.only("AWS::ECS::Service")["DeploymentConfiguration"]
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget")
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert (target["MinCapacity"], target["MaxCapacity"]) == (least, most)
    assert deployment["MinimumHealthyPercent"] == kept_percent
    if kept_percent == 100:
        assert most < int(template.only("AWS::AutoScaling::AutoScalingGroup")["MaxSize"])


def test_the_service_is_made_after_its_listener_and_capacity_and_goes_before_them(web: Template) -> None:
    """The other way round ECS refuses it: a target group without a load balancer, a provider that does not exist."""
    service = next(r for r in web.content["Resources"].values() if r["Type"] == "AWS::ECS::Service")
    kinds = {web.content["Resources"][logical_id]["Type"] for logical_id in service["DependsOn"]}
    assert kinds == {"AWS::ECS::ClusterCapacityProviderAssociations", "AWS::ElasticLoadBalancingV2::Listener"}
    listener = next(key for key in service["DependsOn"] if "Entrance" in key)
    actions = web.content["Resources"][listener]["Properties"]["DefaultActions"]
    assert [action["Type"] for action in actions] == ["forward"]


def test_tasks_follow_processors_and_requests(web: Template, configuration: Settings) -> None:
    policies = [
        policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in web.all("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    ]
    targets = {
        policy["PredefinedMetricSpecification"]["PredefinedMetricType"]: policy["TargetValue"] for policy in policies
    }
    assert targets == {
        "ECSServiceAverageCPUUtilization": configuration.web.cpu_target_percent,
        "ALBRequestCountPerTarget": configuration.web.requests_per_target,
    }


def test_the_container_is_hardened(web: Template) -> None:
    container = _container(web)
    assert container["User"] == "10001:10001"
    assert container["ReadonlyRootFilesystem"] is True
    assert container["Privileged"] is False
    assert container["DockerSecurityOptions"] == ["no-new-privileges"]
    assert container["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}, "InitProcessEnabled": True}
    assert {mount["ContainerPath"] for mount in container["MountPoints"]} == {"/tmp", "/scratch"}
    assert {item["Name"]: item["HardLimit"] for item in container["Ulimits"]} == {"nofile": 65_535, "core": 0}


def test_the_container_listens_on_a_low_port_without_any_privilege(web: Template) -> None:
    container = _container(web)
    controls = {item["Namespace"]: item["Value"] for item in container["SystemControls"]}
    ports = CLIENT_PORTS[Party.WEB]
    assert controls == {
        "net.ipv4.ip_local_port_range": f"{ports.first} {ports.last}",
        "net.ipv4.ip_unprivileged_port_start": "0",
    }
    assert container["PortMappings"] == [{"ContainerPort": 80, "Protocol": "tcp"}]
    assert container["HealthCheck"]["Command"] == ["CMD", "python", "-m", "service.check", "web"]


def test_no_secret_stands_in_the_environment(web: Template) -> None:
    environment = {item["Name"]: item["Value"] for item in _container(web)["Environment"]}
    for name, value in environment.items():
        assert "resolve:secretsmanager" not in json.dumps(value), name
    assert {name for name in environment if "SECRET" in name or "PASSWORD" in name or "TOKEN" in name} == {
        "RAWMILL_DATABASE_SECRET_ARN",
        "RAWMILL_DJANGO_SECRET_ARN",
        "RAWMILL_SESSION_STORE_SECRET_ARN",
    }


def test_the_image_and_the_task_are_built_for_the_instance(template_of: Templates) -> None:
    for name, architecture in (("prod", "X86_64"), ("three-zones", "ARM64")):
        definition = template_of("Web", name).only("AWS::ECS::TaskDefinition")
        assert definition["RuntimePlatform"]["CpuArchitecture"] == architecture


def test_the_web_task_may_do_what_the_service_calls_and_nothing_else(web: Template) -> None:
    statements = _statements(web, _role(web, "Web tasks"))
    assert {sid: statement["Action"] for sid, statement in statements.items()} == {
        "Signers": "sts:AssumeRole",
        "CheckUploads": "s3:GetObject",
        "JobQueue": ["sqs:GetQueueAttributes", "sqs:SendMessage"],
        "DeadLetters": [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
        "Secrets": "secretsmanager:GetSecretValue",
        "ReadWithDataKey": "kms:Decrypt",
        "SendWithDataKey": ["kms:Decrypt", "kms:GenerateDataKey"],
    }
    signers = [ref(arn) for arn in statements["Signers"]["Resource"]]
    assert len(signers) == 2
    assert len(statements["Secrets"]["Resource"]) == 3
    assert json.dumps(statements["CheckUploads"]["Resource"]).endswith('"/uploads/*"]]}')


@pytest.mark.parametrize(
    ("description", "actions", "prefix"),
    [
        (
            "Signs links that put originals into the uploads bucket",
            ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"],
            "/uploads/*",
        ),
        ("Signs links that get renditions and archives from the results bucket", "s3:GetObject", "/results/*"),
    ],
)
def test_a_signer_is_taken_on_by_the_web_task_alone_and_reaches_one_prefix(
    web: Template, description: str, actions: list[str] | str, prefix: str
) -> None:
    signer = _role(web, description)
    trust = web.all("AWS::IAM::Role")[signer]["AssumeRolePolicyDocument"]["Statement"]
    assert [(item["Action"], ref(item["Principal"]["AWS"])) for item in trust] == [
        ("sts:AssumeRole", _role(web, "Web tasks"))
    ]
    statements = _statements(web, signer)
    objects = next(item for sid, item in statements.items() if sid in {"Uploads", "Results"})
    assert objects["Action"] == actions
    assert objects["Resource"]["Fn::Join"][1][-1] == prefix
    assert statements["DataKey"]["Condition"]["StringEquals"]["kms:ViaService"] == [
        f"s3.{_container_region(web)}.amazonaws.com"
    ]
    assert statements.keys() - {"Uploads", "Results", "DataKey"} == set()


def _container_region(template: Template) -> str:
    environment = {item["Name"]: item["Value"] for item in _container(template)["Environment"]}
    region: str = environment["AWS_DEFAULT_REGION"]
    return region


def test_an_instance_may_join_its_cluster_and_be_reached_by_session_manager_and_no_more(web: Template) -> None:
    profile = web.only("AWS::IAM::InstanceProfile")
    statements = _statements(web, ref(profile["Roles"][0]))
    services = {action.partition(":")[0] for item in statements.values() for action in _listed(item["Action"])}
    assert services == {"ecs", "ec2messages", "ssm", "ssmmessages"}
    on_everything = {sid for sid, item in statements.items() if item["Resource"] == "*"}
    assert on_everything == {"FindEndpoint", "SessionManager"}
    assert "ssm:GetParameter" not in _listed(statements["SessionManager"]["Action"])


def _listed(value: list[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else value
