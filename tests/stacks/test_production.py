"""What production promises, each as one assertion over its synthesized templates: losing one thing loses nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.stacks.template import Resource, Template, ref

Stacks = Callable[[str], Template]


@pytest.fixture
def stack(template_of: Callable[[str, str], Template]) -> Stacks:
    """A stack of production: `stack("Web")`."""
    return lambda name: template_of(name, "prod")


def _of(template: Template, logical_id: str) -> Resource:
    properties: Resource = template.content["Resources"][logical_id]["Properties"]
    return properties


def _pairs(listed: list[dict[str, Any]]) -> dict[str, Any]:
    return {pair["Key"]: pair["Value"] for pair in listed}


def test_the_database_survives_a_zone_a_slip_and_a_bad_day(stack: Stacks) -> None:
    database = _of(stack("Data"), "Database")
    assert database["MultiAZ"] is True
    assert database["DeletionProtection"] is True
    assert database["StorageEncrypted"] is True
    assert database["BackupRetentionPeriod"] >= 14
    assert database["ManageMasterUserPassword"] is True
    assert stack("Data").content["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"


def test_the_session_store_survives_a_zone(stack: Stacks) -> None:
    store = _of(stack("Data"), "SessionStore")
    assert (store["MultiAZEnabled"], store["AutomaticFailoverEnabled"]) == (True, True)
    assert (store["TransitEncryptionEnabled"], store["AtRestEncryptionEnabled"]) == (True, True)


def test_an_image_is_given_three_tries_of_fifteen_minutes(stack: Stacks) -> None:
    queue = _of(stack("Messaging"), "JobQueue")
    assert queue["VisibilityTimeout"] == 900
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 3
    assert ref(queue["RedrivePolicy"]["deadLetterTargetArn"]) == "DeadLetterQueue"
    assert _of(stack("Messaging"), "DeadLetterQueue")["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_workers_are_kept_at_ten_images_each_by_metric_math(stack: Stacks) -> None:
    (policy,) = [
        policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in stack("Workers").all("AWS::ApplicationAutoScaling::ScalingPolicy").values()
        if policy["PolicyType"] == "TargetTrackingScaling"
    ]
    assert policy["TargetValue"] == 10
    queries = {query["Id"]: query for query in policy["CustomizedMetricSpecification"]["Metrics"]}
    (watched,) = [query for query in queries.values() if query["ReturnData"]]
    assert "outstanding / workers" in watched["Expression"]
    names = {query["MetricStat"]["Metric"]["MetricName"] for query in queries.values() if "MetricStat" in query}
    assert {"ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible", "RunningTaskCount"} <= names


def test_the_first_worker_is_a_rule_of_its_own(stack: Stacks) -> None:
    policies = stack("Workers").all("AWS::ApplicationAutoScaling::ScalingPolicy")
    (step,) = [logical_id for logical_id, policy in policies.items() if policy["PolicyType"] == "StepScaling"]
    (alarm,) = [
        alarm
        for alarm in stack("Workers").all("AWS::CloudWatch::Alarm").values()
        if {"Ref": step} in alarm.get("AlarmActions", [])
    ]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["EvaluationPeriods"] == 1


def test_a_worker_that_works_is_not_taken_away(stack: Stacks) -> None:
    provider = stack("Workers").only("AWS::ECS::CapacityProvider")["AutoScalingGroupProvider"]
    assert (provider["ManagedDraining"], provider["ManagedTerminationProtection"]) == ("ENABLED", "ENABLED")
    assert stack("Workers").only("AWS::AutoScaling::AutoScalingGroup")["NewInstancesProtectedFromScaleIn"] is True
    for task in stack("Workers").all("AWS::ECS::TaskDefinition").values():
        assert task["ContainerDefinitions"][0]["StopTimeout"] == 120


def test_web_has_two_to_ten_instances_over_both_zones(stack: Stacks) -> None:
    group = stack("Web").only("AWS::AutoScaling::AutoScalingGroup")
    assert (group["MinSize"], group["MaxSize"], len(group["VPCZoneIdentifier"])) == ("2", "10", 2)
    tasks = stack("Web").only("AWS::ApplicationAutoScaling::ScalableTarget")
    assert tasks["MinCapacity"] == 2
    # One instance is left for a deployment, which starts new tasks before it stops old ones.
    assert tasks["MaxCapacity"] < 10


def test_web_follows_its_processors_and_its_requests(stack: Stacks) -> None:
    metrics = {
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]
        for policy in stack("Web").all("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    }
    assert metrics == {"ECSServiceAverageCPUUtilization", "ALBRequestCountPerTarget"}


def test_the_load_balancer_asks_for_health_as_the_design_says(stack: Stacks) -> None:
    group = stack("Web").only("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert group["HealthCheckPath"] == "/health/"
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]) == (30, 5)
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (2, 3)


def test_the_entrance_is_tls_and_port_80_only_redirects(stack: Stacks) -> None:
    listeners = {one["Port"]: one for one in stack("Web").all("AWS::ElasticLoadBalancingV2::Listener").values()}
    assert listeners.keys() == {80, 443}
    assert listeners[443]["Protocol"] == "HTTPS"
    assert listeners[443]["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert [action["Type"] for action in listeners[80]["DefaultActions"]] == ["redirect"]
    attributes = _pairs(stack("Web").only("AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"])
    assert attributes["deletion_protection.enabled"] == attributes["access_logs.s3.enabled"] == "true"


def test_the_firewall_stands_before_the_load_balancer(stack: Stacks) -> None:
    association = stack("Web").only("AWS::WAFv2::WebACLAssociation")
    assert ref(association["ResourceArn"]) in stack("Web").all("AWS::ElasticLoadBalancingV2::LoadBalancer")
    rules = stack("Web").only("AWS::WAFv2::WebACL")["Rules"]
    assert any("RateBasedStatement" in rule["Statement"] for rule in rules)
    assert any("ManagedRuleGroupStatement" in rule["Statement"] for rule in rules)


@pytest.mark.parametrize("name", ["Web", "Workers"])
def test_a_deployment_that_fails_is_rolled_back(stack: Stacks, name: str) -> None:
    breaker = stack(name).only("AWS::ECS::Service")["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
    assert breaker == {"Enable": True, "Rollback": True}


def test_originals_are_out_of_the_internet_s_reach_and_links_are_not(stack: Stacks) -> None:
    def locks(bucket: str) -> list[Resource]:
        return [
            statement
            for policy in stack("Data").all("AWS::S3::BucketPolicy").values()
            if policy["Bucket"] == {"Ref": bucket}
            for statement in policy["PolicyDocument"]["Statement"]
            if "aws:SourceVpce" in str(statement.get("Condition"))
        ]

    (lock,) = locks("VaultBucket")
    assert lock["Effect"] == "Deny"
    assert locks("UploadsBucket") == locks("ResultsBucket") == []
