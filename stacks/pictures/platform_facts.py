"""What the templates of one environment say about the platform: its parts, who does what to whom, and what rings."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CUSTOMERS, ON_CALL = "customers", "on call"
Flow = tuple[str, str, str]
"""Source, target, and what happens, in a word or two."""

PARTS_BY_LOGICAL_ID = {
    "Database": "database",
    "SessionStore": "session store",
    "UploadsBucket": "uploads",
    "VaultBucket": "vault",
    "ResultsBucket": "results",
    "JobQueue": "job queue",
    "DeadLetterQueue": "dead letters",
    "AlarmTopic": "alarm topic",
    # A secret leads to what it opens.
    "SessionStoreToken": "session store",
}
_BY_ACTION = {
    "sqs:SendMessage": ("sends", True),
    "sqs:ReceiveMessage": ("takes", False),
    "s3:GetObject": ("reads", False),
    "s3:PutObject": ("writes", True),
    "secretsmanager:GetSecretValue": ("SQL", True),
}
"""What an action is called in the picture, and whether it goes to the part (True) or comes from it."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """An alarm or a notice as people hear of it."""

    name: str
    hurts: str
    runbook: str


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue, and where its messages go that nobody could work off."""

    stack: str
    name: str
    visibility_s: int | None
    tries: int | None
    kept_days: int
    dead_letters: str


@dataclass(frozen=True, kw_only=True)
class PlatformFacts:
    """A platform as its templates describe it.

    Attributes:
        environment: such as `prod`.
        url: where it is found.
        stacks: for each stack, in the order of deployment: whether it is protected, and its resources by type.
        words: what is to be said about each part, in a few words.
        flows: who does what to whom.
        queues: every queue of every stack.
        scaling: for each scaling rule: what it changes, between which bounds, by what.
        alarms: what rings.
    """

    environment: str
    url: str
    stacks: dict[str, tuple[bool, Counter[str]]]
    words: dict[str, str]
    flows: tuple[Flow, ...]
    queues: tuple[Queue, ...]
    scaling: tuple[tuple[str, str, str], ...]
    alarms: tuple[Alarm, ...]


def read_platform(folder: Path) -> PlatformFacts:
    """Read an environment's assembly."""
    return _Reader(folder).facts()


class _Reader:
    def __init__(self, folder: Path) -> None:
        self._manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
        self._templates: dict[str, dict[str, Any]] = {
            path.name.removesuffix(".template.json"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob("*.template.json"))
        }
        self._exports: dict[str, tuple[str, str]] = {
            output["Export"]["Name"]: (stack, _logical_id(output["Value"]))
            for stack, template in self._templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    def facts(self) -> PlatformFacts:
        return PlatformFacts(
            environment=self._tag("Environment"),
            url=self._templates["Web"]["Outputs"]["Url"]["Value"],
            stacks={name: self._stack(name) for name in self._in_order()},
            words=dict(self._words()),
            flows=tuple(dict.fromkeys((*self._entrance(), *self._grants(), *self._starts(), *self._telling()))),
            queues=tuple(self._queues()),
            scaling=tuple(self._scaling()),
            alarms=tuple(self._alarms()),
        )

    # Reading templates

    def _all(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self._templates[stack]["Resources"].items()
            if resource["Type"] == kind
        }

    def _only(self, stack: str, kind: str) -> dict[str, Any]:
        ((_, properties),) = self._all(stack, kind).items()
        return properties

    def _resource(self, stack: str, logical_id: str) -> dict[str, Any]:
        properties: dict[str, Any] = self._templates[stack]["Resources"][logical_id]["Properties"]
        return properties

    def _tag(self, key: str) -> str:
        tags = self._only("Network", "AWS::EC2::VPC")["Tags"]
        return next(str(tag["Value"]) for tag in tags if tag["Key"] == key)

    def _meant(self, stack: str, value: Any) -> tuple[str, str]:
        """Stack and logical id that a value refers to, through an export or not."""
        found = re.search(r'"Fn::ImportValue": "([^"]+)"', json.dumps(value))
        return self._exports[found[1]] if found else (stack, _logical_id(value))

    def _part(self, stack: str, value: Any) -> str | None:
        return PARTS_BY_LOGICAL_ID.get(self._meant(stack, value)[1])

    def _in_order(self) -> list[str]:
        """Stacks, each after those that it depends on."""
        needs = {
            name: {needed for needed in artifact.get("dependencies", []) if needed in self._templates}
            for name, artifact in self._manifest.items()
            if name in self._templates
        }
        order: list[str] = []
        while len(order) < len(needs):
            order += sorted(name for name in needs if name not in order and needs[name] <= set(order))[:1]
        return order

    def _stack(self, name: str) -> tuple[bool, Counter[str]]:
        kinds = Counter(resource["Type"] for resource in self._templates[name]["Resources"].values())
        return bool(self._manifest[name]["properties"].get("terminationProtection")), kinds

    # Words about parts

    def _words(self) -> Iterator[tuple[str, str]]:
        yield "load balancer", ", ".join(sorted(one["Protocol"] for one in self._listeners().values()))
        yield "web", self._instances("Web")
        if self._all("Workers", "AWS::AutoScaling::AutoScalingGroup"):
            yield "worker", self._instances("Workers")
        functions = [one for one in self._all("Workers", "AWS::Lambda::Function").values() if "Environment" in one]
        for function in functions:
            yield "burst", f"Fargate, up to {function['Environment']['Variables']['MAX_TASKS']} tasks"
            yield "burst function", "by the backlog's alarm, and every minute"
        schedule = self._only("Workers", "AWS::Scheduler::Schedule")["ScheduleExpression"]
        yield "maintenance", f"Fargate, sweeps every {schedule.removeprefix('rate(').removesuffix(')')}"
        database, store = self._resource("Data", "Database"), self._resource("Data", "SessionStore")
        standby = "a standby in another zone" if database["MultiAZ"] else "no standby"
        yield "database", f"{database['DBInstanceClass']}, {standby}"
        replicas = store["NumCacheClusters"] - 1
        yield "session store", f"{store['CacheNodeType']}, {replicas} replica{'' if replicas == 1 else 's'}"
        for part in ("Uploads", "Vault", "Results"):
            yield part.lower(), self._lifecycle(f"{part}Bucket")
        queue, dead = self._resource("Messaging", "JobQueue"), self._resource("Messaging", "DeadLetterQueue")
        yield "job queue", f"{queue['RedrivePolicy']['maxReceiveCount']} tries of {queue['VisibilityTimeout']} s"
        yield "dead letters", f"kept for {dead['MessageRetentionPeriod'] // 86_400} days"
        alarms = len(self._all("Observability", "AWS::CloudWatch::Alarm"))
        yield (
            "alarm topic",
            f"{alarms} alarms, {len(self._all('Observability', 'AWS::Events::Rule'))} notices, 1 budget",
        )

    def _listeners(self) -> dict[str, dict[str, Any]]:
        return self._all("Web", "AWS::ElasticLoadBalancingV2::Listener")

    def _instances(self, stack: str) -> str:
        group = self._only(stack, "AWS::AutoScaling::AutoScalingGroup")
        launch = self._only(stack, "AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
        return f"{launch['InstanceType']}, {group['MinSize']} to {group['MaxSize']} instances"

    def _lifecycle(self, bucket: str) -> str:
        rules = {rule["Id"]: rule for rule in self._resource("Data", bucket)["LifecycleConfiguration"]["Rules"]}
        if "Archive" in rules:
            return f"kept; archived after {rules['Archive']['Transitions'][0]['TransitionInDays']} days"
        return f"kept for {rules['Retention']['ExpirationInDays']} days"

    # Who does what to whom

    def _entrance(self) -> Iterator[Flow]:
        ports = sorted({listener["Port"] for listener in self._listeners().values()}, reverse=True)
        yield CUSTOMERS, "load balancer", ", ".join(map(str, ports))
        yield "load balancer", "web", str(self._only("Web", "AWS::ElasticLoadBalancingV2::TargetGroup")["Port"])

    def _grants(self) -> Iterator[Flow]:
        for stack in ("Web", "Workers"):
            for actor, role in self._actors(stack):
                for statement in self._statements(stack, role):
                    yield from self._flows_of(stack, actor, statement)

    def _actors(self, stack: str) -> Iterator[tuple[str, str]]:
        """Who acts with which role: tasks by their container, and customers by the roles that sign their links."""
        for task in self._all(stack, "AWS::ECS::TaskDefinition").values():
            yield task["ContainerDefinitions"][0]["Name"], _logical_id(task["TaskRoleArn"])
        for role, properties in self._all(stack, "AWS::IAM::Role").items():
            (statement,) = properties["AssumeRolePolicyDocument"]["Statement"]
            if "AWS" in statement["Principal"]:
                yield CUSTOMERS, role

    def _statements(self, stack: str, role: str) -> Iterator[dict[str, Any]]:
        for policy in self._all(stack, "AWS::IAM::ManagedPolicy").values():
            if {"Ref": role} in policy["Roles"]:
                yield from policy["PolicyDocument"]["Statement"]

    def _flows_of(self, stack: str, actor: str, statement: dict[str, Any]) -> Iterator[Flow]:
        for resource in _listed(statement["Resource"]):
            part = self._part(stack, resource)
            for action in _listed(statement["Action"]):
                if part is None or action not in _BY_ACTION:
                    continue
                word, to_the_part = _BY_ACTION[action]
                if actor == CUSTOMERS:
                    word = f"{word} by link"
                elif part == "session store":
                    word = "Redis"
                yield (actor, part, word) if to_the_part else (part, actor, word)

    def _starts(self) -> Iterator[Flow]:
        if self._all("Workers", "AWS::Lambda::Permission"):
            yield "job queue", "burst function", "backlog"
            yield "burst function", "burst", "starts"
        queue = self._resource("Messaging", "JobQueue")
        if self._part("Messaging", queue["RedrivePolicy"]["deadLetterTargetArn"]) == "dead letters":
            yield "job queue", "dead letters", "redrive"

    def _telling(self) -> Iterator[Flow]:
        if self._all("Messaging", "AWS::SNS::Subscription"):
            yield "alarm topic", ON_CALL, "mail"

    # Tables

    def _queues(self) -> Iterator[Queue]:
        for stack in self._in_order():
            for logical_id, queue in self._all(stack, "AWS::SQS::Queue").items():
                redrive = queue.get("RedrivePolicy", {})
                target = self._part(stack, redrive["deadLetterTargetArn"]) if redrive else None
                yield Queue(
                    stack=stack,
                    name=PARTS_BY_LOGICAL_ID.get(logical_id, "events that the burst function could not be told"),
                    visibility_s=queue.get("VisibilityTimeout"),
                    tries=redrive.get("maxReceiveCount"),
                    kept_days=queue["MessageRetentionPeriod"] // 86_400,
                    dead_letters=target or "",
                )

    def _scaling(self) -> Iterator[tuple[str, str, str]]:
        for stack in ("Web", "Workers"):
            targets = self._all(stack, "AWS::ApplicationAutoScaling::ScalableTarget")
            for policy in self._all(stack, "AWS::ApplicationAutoScaling::ScalingPolicy").values():
                target = targets[_logical_id(policy["ScalingTargetId"])]
                what = f"{'web' if stack == 'Web' else 'worker'} tasks"
                yield what, f"{target['MinCapacity']} to {target['MaxCapacity']}", _rule(policy)
        for function in self._all("Workers", "AWS::Lambda::Function").values():
            variables = function.get("Environment", {}).get("Variables", {})
            if "MAX_TASKS" in variables:
                why = (
                    f"one for each {variables['IMAGES_PER_TASK']} outstanding images "
                    f"above the first {variables['BASE_IMAGES']}"
                )
                yield "burst tasks", f"0 to {variables['MAX_TASKS']}", why

    def _alarms(self) -> Iterator[Alarm]:
        prefix = f"rawmill-{self._tag('Environment')}-"
        for alarm in self._all("Observability", "AWS::CloudWatch::Alarm").values():
            hurts, _, _ = alarm["AlarmDescription"].partition(". ")
            yield Alarm(
                name=alarm["AlarmName"].removeprefix(prefix),
                hurts=f"{hurts}.",
                runbook=_runbook(alarm["AlarmDescription"]),
            )
        for rule in self._all("Observability", "AWS::Events::Rule").values():
            words = json.loads(rule["Targets"][0]["InputTransformer"]["InputTemplate"])
            name = words.partition(": ")[0].removeprefix(prefix)
            yield Alarm(name=f"{name} (notice)", hurts=rule["Description"], runbook=_runbook(words))
        budget = self._only("Observability", "AWS::Budgets::Budget")["Budget"]
        amount = f"{budget['BudgetLimit']['Amount']:g} {budget['BudgetLimit']['Unit']}"
        yield Alarm(
            name="budget", hurts=f"The month will cost more than {amount}.", runbook=_runbook(budget["BudgetName"])
        )


def _rule(policy: dict[str, Any]) -> str:
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
    if tracking is None:
        return "the first one, as soon as an image waits and none has been asked for"
    if "PredefinedMetricSpecification" in tracking:
        metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
        return {
            "ECSServiceAverageCPUUtilization": f"processors at {tracking['TargetValue']} %",
            "ALBRequestCountPerTarget": f"{tracking['TargetValue']} requests per task and minute",
        }[metric]
    (watched,) = (query for query in tracking["CustomizedMetricSpecification"]["Metrics"] if query["ReturnData"])
    return f"{watched['Label'].lower()} at {tracking['TargetValue']} (metric math)"


def _runbook(words: str) -> str:
    return words.rpartition("docs/")[2]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _logical_id(value: Any) -> str:
    """The first resource that a value names; of a string without any, nothing."""
    found = re.search(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"', json.dumps(value))
    return (found[1] or found[2]) if found else ""
