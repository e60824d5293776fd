"""What a request is about, where AWS names another resource or condition for it than ministack does.

A grant of `ecs:RunTask` names task definitions, one of `ecs:ListTasks` nothing, and both may name the cluster in a
condition; ministack takes the cluster for the resource and knows no such condition. A publisher of images asks for one
repository in the form of a list, which ministack takes for all of them.
"""

import json
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from ministack.core import iam_actions, iam_evaluator

from local.aws.emulator.resources.handler import arn_of

_TARGETS = {"AmazonEC2ContainerServiceV20141113": "ecs", "AmazonEC2ContainerRegistry_V20150921": "ecr"}
_cluster: ContextVar[str | None] = ContextVar("rawmill_cluster", default=None)


def install() -> None:
    """Teach the evaluation of policies these scopes."""
    stock_resource, stock_key = iam_actions.extract_resource_arn, iam_evaluator._resolve_condition_key

    def resource(service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *rest: Any) -> str:
        found: str = stock_resource(service, method, path, headers, body, *rest)
        target, _, action = headers.get("x-amz-target", "").partition(".")
        _cluster.set(None)
        if _TARGETS.get(target) != service or service not in ("ecs", "ecr"):
            return found
        asked = json.loads(body or b"{}")
        if action in ("RunTask", "ListTasks"):
            _cluster.set(_arn("ecs", "cluster", asked.get("cluster", "default")))
        match action:
            case "RunTask":
                return _arn("ecs", "task-definition", asked["taskDefinition"])
            case "ListTasks":
                return "*"
            case "DescribeRepositories" if len(asked.get("repositoryNames", [])) == 1:
                return _arn("ecr", "repository", asked["repositoryNames"][0])
        return found

    def condition_key(key: str, context: Any) -> Any:
        return _cluster.get() if key.lower() == "ecs:cluster" else stock_key(key, context)

    iam_actions.extract_resource_arn = resource
    iam_evaluator._resolve_condition_key = condition_key


def _arn(service: str, kind: str, name: str) -> str:
    return name if name.startswith("arn:") else arn_of(service, f"{kind}/{name}")
