"""The Workers stack: as many workers as the backlog needs, on instances or Fargate, and nothing in flight is lost."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from stacks.machines import CONSUMER_BYTES, MIB, process_bytes
from stacks.settings import Settings, Strategy
from stacks.traffic import CLIENT_PORTS, Party
from tests.stacks.configurations import configurations
from tests.stacks.template import Resource, Template, ref

Templates = Callable[[str, str], Template]

ON_INSTANCES = sorted(name for name, it in configurations().items() if it.workers.strategy is not Strategy.FARGATE)
ON_FARGATE = sorted(name for name, it in configurations().items() if it.workers.strategy is not Strategy.EC2)


@pytest.fixture(params=sorted(configurations()))
def configuration(request: pytest.FixtureRequest) -> Settings:
    """One configuration after the other."""
    return configurations()[request.param]


@pytest.fixture
def workers(configuration: Settings, template_of: Templates) -> Template:
    """The Workers template of one configuration after the other."""
    return template_of("Workers", configuration.name)


@pytest.fixture
def prod(template_of: Templates) -> Template:
    """The Workers template of production."""
    return template_of("Workers", "prod")


def _task(template: Template, name: str) -> Resource:
    """The definition of the tasks of a name: worker, burst or maintenance."""
    found = [task for task in template.all("AWS::ECS::TaskDefinition").values() if task["Family"].endswith(f"-{name}")]
    assert len(found) == 1, name
    return found[0]


def _container(task: Resource) -> Resource:
    containers: list[Resource] = task["ContainerDefinitions"]
    assert len(containers) == 1
    return containers[0]


def _environment(task: Resource) -> dict[str, Any]:
    return {item["Name"]: item["Value"] for item in _container(task)["Environment"]}


def _policy(template: Template, kind: str) -> Resource:
    found = [
        policy
        for policy in template.all("AWS::ApplicationAutoScaling::ScalingPolicy").values()
        if policy["PolicyType"] == kind
    ]
    assert len(found) == 1, kind
    return found[0]


def _queries(metrics: list[Resource]) -> dict[str, str]:
    """Metric math by id: an expression, or the name of a metric."""
    return {item["Id"]: item.get("Expression") or item["MetricStat"]["Metric"]["MetricName"] for item in metrics}


def _statements(template: Template, description: str) -> dict[str, Resource]:
    roles = [key for key, role in template.all("AWS::IAM::Role").items() if role["Description"] == description]
    assert len(roles) == 1, description
    return {
        statement["Sid"]: statement
        for policy in template.all("AWS::IAM::ManagedPolicy").values()
        if [ref(item) for item in policy["Roles"]] == roles
        for statement in policy["PolicyDocument"]["Statement"]
    }


def test_a_strategy_makes_what_it_says_and_nothing_beside_it(workers: Template, configuration: Settings) -> None:
    strategy = configuration.workers.strategy
    on_instances, on_fargate = strategy is not Strategy.FARGATE, strategy is not Strategy.EC2
    families = {task["Family"] for task in workers.all("AWS::ECS::TaskDefinition").values()}
    wanted = {"maintenance", *(["worker"] if on_instances else []), *(["burst"] if on_fargate else [])}
    assert families == {f"rawmill-{configuration.name}-{name}" for name in wanted}
    for kind in ("AWS::ECS::Service", "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::LaunchTemplate"):
        assert len(workers.all(kind)) == on_instances
    assert len(workers.all("AWS::Lambda::Function")) == on_fargate


@pytest.mark.parametrize("name", ON_INSTANCES)
def test_the_backlog_per_worker_is_tracked_by_metric_math(template_of: Templates, name: str) -> None:
    settings = configurations()[name].workers
    tracking = _policy(template_of("Workers", name), "TargetTrackingScaling")[
        "TargetTrackingScalingPolicyConfiguration"
    ]
    metrics = tracking["CustomizedMetricSpecification"]["Metrics"]
    assert tracking["TargetValue"] == settings.backlog_per_worker
    assert _queries(metrics) == {
        "visible": "ApproximateNumberOfMessagesVisible",
        "in_flight": "ApproximateNumberOfMessagesNotVisible",
        "outstanding": "visible + in_flight",
        "running": "RunningTaskCount",
        "desired": "DesiredTaskCount",
        "workers": "MAX([FILL(running, 0), FILL(desired, 0)])",
        "backlog": "IF(workers > 0, outstanding / workers, outstanding)",
    }
    assert [item["Id"] for item in metrics if item["ReturnData"]] == ["backlog"]


def test_the_target_of_production_is_ten(prod: Template) -> None:
    tracking = _policy(prod, "TargetTrackingScaling")["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 10


@pytest.mark.parametrize("name", ON_INSTANCES)
def test_the_backlog_is_that_of_the_job_queue_and_of_the_worker_service(template_of: Templates, name: str) -> None:
    template = template_of("Workers", name)
    tracking = _policy(template, "TargetTrackingScaling")["TargetTrackingScalingPolicyConfiguration"]
    for item in tracking["CustomizedMetricSpecification"]["Metrics"]:
        if "MetricStat" not in item:
            continue
        dimensions = {entry["Name"]: entry["Value"] for entry in item["MetricStat"]["Metric"]["Dimensions"]}
        if item["Id"] in {"visible", "in_flight"}:
            assert "JobQueue" in dimensions["QueueName"]["Fn::ImportValue"]
        else:
            assert ref(dimensions["ClusterName"]) in template.all("AWS::ECS::Cluster")
            assert ref(dimensions["ServiceName"]) in template.all("AWS::ECS::Service")
    settings = template.only("AWS::ECS::Cluster")["ClusterSettings"]
    assert settings == [{"Name": "containerInsights", "Value": "enabled"}], "nothing else counts running tasks"


@pytest.mark.parametrize("name", ON_INSTANCES)
def test_the_first_worker_has_a_rule_of_its_own(template_of: Templates, name: str) -> None:
    """Tracking acts above its target: for ten images or fewer nobody would ever start."""
    template = template_of("Workers", name)
    step = _policy(template, "StepScaling")
    configuration = step["StepScalingPolicyConfiguration"]
    policy_id = next(
        key for key, item in template.all("AWS::ApplicationAutoScaling::ScalingPolicy").items() if item is step
    )
    alarm = next(
        item
        for item in template.all("AWS::CloudWatch::Alarm").values()
        if item.get("AlarmActions") == [{"Ref": policy_id}]
    )
    assert configuration["AdjustmentType"] == "ChangeInCapacity"
    assert [item["ScalingAdjustment"] for item in configuration["StepAdjustments"]] == [1]
    assert _queries(alarm["Metrics"])["unattended"] == "IF(outstanding > 0 AND FILL(desired, 0) < 1, 1, 0)"
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize("name", ON_INSTANCES)
def test_no_number_of_workers_stands_in_a_template(template_of: Templates, name: str) -> None:
    """A deployment would undo what scaling did."""
    template, settings = template_of("Workers", name), configurations()[name].workers
    group = template.only("AWS::AutoScaling::AutoScalingGroup")
    target = template.only("AWS::ApplicationAutoScaling::ScalableTarget")
    assert "DesiredCapacity" not in group
    assert "DesiredCount" not in template.only("AWS::ECS::Service")
    assert (group["MinSize"], group["MaxSize"]) == (str(settings.min_instances), str(settings.max_instances))
    assert (target["MinCapacity"], target["MaxCapacity"]) == (settings.min_instances, settings.max_instances)


@pytest.mark.parametrize("name", ON_INSTANCES)
def test_an_instance_with_a_worker_on_it_is_neither_scaled_in_nor_taken_without_draining(
    template_of: Templates, name: str
) -> None:
    template = template_of("Workers", name)
    provider = template.only("AWS::ECS::CapacityProvider")["AutoScalingGroupProvider"]
    assert provider["ManagedTerminationProtection"] == "ENABLED"
    assert provider["ManagedDraining"] == "ENABLED"
    assert (provider["ManagedScaling"]["Status"], provider["ManagedScaling"]["TargetCapacity"]) == ("ENABLED", 100)
    # ECS refuses to protect instances of a group that does not.
    assert template.only("AWS::AutoScaling::AutoScalingGroup")["NewInstancesProtectedFromScaleIn"] is True


@pytest.mark.parametrize("name", ON_INSTANCES)
def test_the_service_goes_before_the_capacity_that_it_uses(template_of: Templates, name: str) -> None:
    resources = template_of("Workers", name).content["Resources"]
    service = next(item for item in resources.values() if item["Type"] == "AWS::ECS::Service")
    assert [resources[key]["Type"] for key in service["DependsOn"]] == ["AWS::ECS::ClusterCapacityProviderAssociations"]
    group = next(item for item in resources.values() if item["Type"] == "AWS::AutoScaling::AutoScalingGroup")
    assert [resources[key]["Type"] for key in group["DependsOn"]] == ["AWS::IAM::ManagedPolicy"]


@pytest.mark.parametrize("name", ON_INSTANCES)
def test_no_worker_is_stopped_for_the_sake_of_balance(template_of: Templates, name: str) -> None:
    service = template_of("Workers", name).only("AWS::ECS::Service")
    assert service["AvailabilityZoneRebalancing"] == "DISABLED"
    assert service["PlacementConstraints"] == [{"Type": "distinctInstance"}]
    assert service["PlacementStrategies"] == [{"Type": "spread", "Field": "attribute:ecs.availability-zone"}]
    assert service["DeploymentConfiguration"]["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


def test_spot_is_a_share_of_what_comes_on_top_and_never_of_the_least(template_of: Templates) -> None:
    group = template_of("Workers", "three-zones").only("AWS::AutoScaling::AutoScalingGroup")
    mix = group["MixedInstancesPolicy"]
    assert mix["InstancesDistribution"]["OnDemandBaseCapacity"] == 1
    assert mix["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 20
    assert mix["InstancesDistribution"]["SpotAllocationStrategy"] == "price-capacity-optimized"
    assert [item["InstanceType"] for item in mix["LaunchTemplate"]["Overrides"]] == [
        "c7g.xlarge",
        "c8g.xlarge",
        "m7g.xlarge",
    ]
    assert group["CapacityRebalance"] is True
    assert "LaunchTemplate" not in group


def test_graviton_workers_have_an_image_and_an_instance_image_of_their_own_kind(template_of: Templates) -> None:
    template = template_of("Workers", "three-zones")
    launch = template.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    assert "amazon-linux-2023/arm64/" in launch["ImageId"]
    kinds = {task["RuntimePlatform"]["CpuArchitecture"] for task in template.all("AWS::ECS::TaskDefinition").values()}
    assert kinds == {"ARM64"}


def test_instances_require_sessions_for_their_metadata_and_encrypt_their_disk(template_of: Templates) -> None:
    for name in ON_INSTANCES:
        launch = template_of("Workers", name).only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        assert launch["MetadataOptions"]["HttpTokens"] == "required"
        assert launch["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
        assert all(disk["Ebs"]["Encrypted"] for disk in launch["BlockDeviceMappings"])


def test_every_worker_is_told_as_many_processes_as_its_memory_holds(workers: Template, configuration: Settings) -> None:
    need = process_bytes(configuration.jobs.max_megapixels)
    tasks = [task for task in workers.all("AWS::ECS::TaskDefinition").values() if "maintenance" not in task["Family"]]
    assert tasks
    for task in tasks:
        environment = _environment(task)
        processes, memory = int(environment["RAWMILL_PROCESSES"]), int(environment["RAWMILL_MEMORY_BYTES"])
        assert 1 <= processes <= int(task["Cpu"]) // 1024
        assert processes * need <= memory == int(task["Memory"]) * MIB - CONSUMER_BYTES


def test_the_licences_of_the_fleet_are_told_as_json(template_of: Templates) -> None:
    seats = {
        name: json.loads(_environment(_task(template_of("Workers", name), "worker"))["RAWMILL_LICENCES"])
        for name in ("prod", "three-zones")
    }
    assert seats == {"prod": {}, "three-zones": {"filter_license": 4, "watermark_license": 2}}


def test_a_worker_has_the_time_to_stop_that_it_is_told(workers: Template, configuration: Settings) -> None:
    for task in workers.all("AWS::ECS::TaskDefinition").values():
        assert _container(task)["StopTimeout"] == configuration.workers.stop_timeout_s
        if "maintenance" not in task["Family"]:
            assert _environment(task)["RAWMILL_STOP_TIMEOUT_S"] == str(configuration.workers.stop_timeout_s)


@pytest.mark.parametrize("name", ON_FARGATE)
def test_a_burst_task_ends_by_itself_and_has_a_disk_for_its_images(template_of: Templates, name: str) -> None:
    task, settings = _task(template_of("Workers", name), "burst"), configurations()[name]
    assert _container(task)["Command"] == ["worker", "--until-empty"]
    assert task["RequiresCompatibilities"] == ["FARGATE"]
    assert int(task["Cpu"]) == settings.workers.burst_vcpus * 1024
    scratch_gib = int(_environment(task)["RAWMILL_PROCESSES"]) * 4 * settings.jobs.max_file_mib / 1024
    assert 21 + scratch_gib <= task["EphemeralStorage"]["SizeInGiB"] <= 200


def test_containers_are_hardened_as_far_as_their_place_allows(workers: Template) -> None:
    for task in workers.all("AWS::ECS::TaskDefinition").values():
        container = _container(task)
        on_fargate = task["RequiresCompatibilities"] == ["FARGATE"]
        assert container["User"] == "10001:10001"
        assert container["ReadonlyRootFilesystem"] is True
        assert container["LinuxParameters"] == {"Capabilities": {"Drop": ["ALL"]}, "InitProcessEnabled": True}
        assert {mount["ContainerPath"] for mount in container["MountPoints"]} == {"/tmp", "/scratch"}
        # Fargate refuses a definition with either.
        assert container.get("DockerSecurityOptions") == (None if on_fargate else ["no-new-privileges"])
        limits = {item["Name"] for item in container["Ulimits"]}
        assert limits == ({"nofile"} if on_fargate else {"nofile", "core"})
        ports = CLIENT_PORTS[Party.WORKERS]
        assert container["SystemControls"] == [
            {"Namespace": "net.ipv4.ip_local_port_range", "Value": f"{ports.first} {ports.last}"}
        ]
        assert "PortMappings" not in container


def test_logs_are_encrypted_kept_for_a_time_and_do_not_hold_work_up(workers: Template, configuration: Settings) -> None:
    for group in workers.all("AWS::Logs::LogGroup").values():
        assert group["RetentionInDays"] == configuration.observability.log_retention_days
        assert "KmsKeyId" in group
    for task in workers.all("AWS::ECS::TaskDefinition").values():
        assert _container(task)["LogConfiguration"]["Options"]["mode"] == "non-blocking"


def test_workers_may_do_what_they_call_and_nothing_else(workers: Template) -> None:
    statements = _statements(workers, "Worker tasks")
    assert {sid: statement["Action"] for sid, statement in statements.items()} == {
        "JobQueue": [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        "DeadLetters": "sqs:SendMessage",
        "ReadUploads": "s3:GetObject",
        "KeepOriginals": ["s3:GetObject", "s3:PutObject"],
        "WriteResults": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
        "Secrets": "secretsmanager:GetSecretValue",
        "DataKey": ["kms:Decrypt", "kms:GenerateDataKey"],
        "ReadWithDataKey": "kms:Decrypt",
        "ProtectItself": ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"],
    }
    ends = {
        sid: statements[sid]["Resource"]["Fn::Join"][1][-1] for sid in ("ReadUploads", "KeepOriginals", "WriteResults")
    }
    assert ends == {"ReadUploads": "/uploads/*", "KeepOriginals": "/originals/*", "WriteResults": "/results/*"}
    assert ref(statements["ProtectItself"]["Resource"]["Fn::Join"][1][-2]) in workers.all("AWS::ECS::Cluster")


def test_maintenance_may_do_what_it_calls_and_nothing_else(workers: Template) -> None:
    statements = _statements(workers, "Maintenance tasks")
    assert {sid: statement["Action"] for sid, statement in statements.items()} == {
        "JobQueue": "sqs:SendMessage",
        "DeadLetters": [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
        "AbandonedUploads": "s3:AbortMultipartUpload",
        "Secrets": "secretsmanager:GetSecretValue",
        "DataKey": ["kms:Decrypt", "kms:GenerateDataKey"],
        "ReadWithDataKey": "kms:Decrypt",
    }


def test_the_sweeper_runs_every_few_minutes_and_may_start_nothing_but_itself(workers: Template) -> None:
    schedule = workers.only("AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    parameters = schedule["Target"]["EcsParameters"]
    definition = ref(parameters["TaskDefinitionArn"])
    assert _container(workers.all("AWS::ECS::TaskDefinition")[definition])["Command"] == ["sweep"]
    assert parameters["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "DISABLED"
    _starts_only(workers, "Starts the sweeper", "maintenance")


@pytest.mark.parametrize("name", ON_FARGATE)
def test_the_burst_function_may_count_and_start_burst_tasks_and_read_the_backlog(
    template_of: Templates, name: str
) -> None:
    template = template_of("Workers", name)
    statements = _statements(template, "The burst function")
    assert {sid: statement["Action"] for sid, statement in statements.items()} == {
        "ReadBacklog": "sqs:GetQueueAttributes",
        "CountTasks": "ecs:ListTasks",
        "StartTasks": "ecs:RunTask",
        "GiveThemTheirRoles": "iam:PassRole",
        "WriteLog": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "KeepFailures": "sqs:SendMessage",
        "DataKey": ["kms:Decrypt", "kms:GenerateDataKey"],
    }
    assert "ecs:cluster" in statements["CountTasks"]["Condition"]["ArnEquals"]
    _starts_only(template, "The burst function", "burst")


def _starts_only(template: Template, description: str, name: str) -> None:
    statements, task = _statements(template, description), _task(template, name)
    start, give = statements["StartTasks"], statements["GiveThemTheirRoles"]
    # With a named account the ARN is a string, otherwise a join.
    assert f":task-definition/{task['Family']}:*" in json.dumps(start["Resource"])
    assert ref(start["Condition"]["ArnEquals"]["ecs:cluster"]) in template.all("AWS::ECS::Cluster")
    assert {ref(arn) for arn in give["Resource"]} == {ref(task["TaskRoleArn"]), ref(task["ExecutionRoleArn"])}
    assert give["Condition"] == {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}


@pytest.mark.parametrize("name", ON_FARGATE)
def test_bursts_begin_where_the_instances_end(template_of: Templates, name: str) -> None:
    template, settings = template_of("Workers", name), configurations()[name].workers
    function = template.only("AWS::Lambda::Function")
    variables = function["Environment"]["Variables"]
    base = settings.max_instances * settings.backlog_per_worker
    assert variables["BASE_IMAGES"] == str(base)
    assert variables["MAX_TASKS"] == str(settings.max_burst_tasks)
    assert variables["IMAGES_PER_TASK"] == str(settings.backlog_per_worker)
    assert variables["CONTAINER"] == _container(_task(template, "burst"))["Name"]
    backlog = [item for item in template.all("AWS::CloudWatch::Alarm").values() if "AlarmActions" not in item]
    assert [(item["Threshold"], item["ComparisonOperator"]) for item in backlog] == [(base, "GreaterThanThreshold")]
    assert _queries(backlog[0]["Metrics"])["outstanding"] == "visible + in_flight"


@pytest.mark.parametrize("name", ON_FARGATE)
def test_one_burst_function_at_a_time_is_started_by_the_alarm_and_every_minute(
    template_of: Templates, name: str
) -> None:
    template = template_of("Workers", name)
    function_id = next(iter(template.all("AWS::Lambda::Function")))
    function = template.only("AWS::Lambda::Function")
    assert function["ReservedConcurrentExecutions"] == 1
    assert function["Timeout"] < 60
    rules = template.all("AWS::Events::Rule")
    assert {rule.get("ScheduleExpression") for rule in rules.values()} == {None, "rate(1 minute)"}
    on_alarm = next(rule["EventPattern"] for rule in rules.values() if "EventPattern" in rule)
    assert on_alarm["detail"] == {"state": {"value": ["ALARM"]}}
    alarm = template.content["Resources"][ref(on_alarm["resources"][0])]["Properties"]
    assert "Fargate" in alarm["AlarmDescription"]
    for rule in rules.values():
        assert [ref(target["Arn"]) for target in rule["Targets"]] == [function_id]
    permitted = {ref(item["SourceArn"]) for item in template.all("AWS::Lambda::Permission").values()}
    assert permitted == set(rules)


@pytest.mark.parametrize("name", ON_FARGATE)
def test_an_event_that_the_burst_function_fails_on_is_kept_for_people_and_not_repeated_for_hours(
    template_of: Templates, name: str
) -> None:
    template = template_of("Workers", name)
    function = template.only("AWS::Lambda::Function")
    assert ref(function["DeadLetterConfig"]["TargetArn"]) in template.all("AWS::SQS::Queue")
    assert template.only("AWS::SQS::Queue")["KmsMasterKeyId"]
    invocation = template.only("AWS::Lambda::EventInvokeConfig")
    assert (invocation["MaximumEventAgeInSeconds"], invocation["MaximumRetryAttempts"]) == (120, 1)
