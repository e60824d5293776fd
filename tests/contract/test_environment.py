"""Environment variables: each one that the service reads is set by its task definition, and none else is."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from stacks.settings import environment_names
from tests.stacks.template import Template

ROOT = Path(__file__).resolve().parents[2]
TemplateOf = Callable[[str, str], Template]

MODELS = {"web": "WebConfig", "worker": "WorkerConfig", "burst": "WorkerConfig", "maintenance": "MaintenanceConfig"}
"""The model of the service that reads each container's environment."""


@pytest.fixture(scope="module")
def config() -> ModuleType:
    """`service.config`; only a checkout without the service does without."""
    if not (ROOT / "service" / "__main__.py").exists():
        pytest.skip("this checkout holds no service to be told anything")
    return import_module("service.config")


def _variables(template_of: TemplateOf, environment: str) -> dict[str, dict[str, object]]:
    """Variables of every container of an environment, by container and name."""
    return {
        container["Name"]: {variable["Name"]: variable["Value"] for variable in container["Environment"]}
        for stack in ("Web", "Workers")
        for task in template_of(stack, environment).all("AWS::ECS::TaskDefinition").values()
        for container in task["ContainerDefinitions"]
    }


@pytest.mark.parametrize("environment", environment_names())
def test_a_task_is_told_exactly_what_the_service_reads(
    template_of: TemplateOf, config: ModuleType, environment: str
) -> None:
    tasks = _variables(template_of, environment)
    assert {"web", "maintenance"} < tasks.keys()
    for name, variables in tasks.items():
        read: frozenset[str] = getattr(config, MODELS[name]).variable_names()
        missing, needless = read - variables.keys(), variables.keys() - read
        assert not missing, f"{name} reads {sorted(missing)}, which its task definition does not set"
        assert not needless, f"{name} is told {sorted(needless)}, which it does not read"


@pytest.mark.parametrize("environment", environment_names())
def test_what_the_templates_say_outright_is_accepted_by_the_service(
    template_of: TemplateOf, config: ModuleType, environment: str
) -> None:
    """References are known only once deployed; a number or a word of the template has to pass the model as it is."""
    known = {
        "RAWMILL_DATABASE_HOST": "database.internal",
        "RAWMILL_DATABASE_PORT": "5432",
        "RAWMILL_SESSION_STORE_HOST": "sessions.internal",
        "RAWMILL_SESSION_STORE_PORT": "6379",
        "RAWMILL_PUBLIC_URL": "http://balancer.example.com",
        "RAWMILL_ALLOWED_HOSTS": "balancer.example.com",
    }
    arn = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:name-AbCdEf"
    role = "arn:aws:iam::111122223333:role/name"
    queue = "https://sqs.eu-west-1.amazonaws.com/111122223333/name"
    endings = {"_SECRET_ARN": arn, "_ROLE_ARN": role, "_BUCKET": "bucket", "_QUEUE_URL": queue}
    for name, variables in _variables(template_of, environment).items():
        values = {
            variable: value
            if isinstance(value, str)
            else known.get(variable)
            or next(stand_in for ending, stand_in in endings.items() if variable.endswith(ending))
            for variable, value in variables.items()
        }
        getattr(config, MODELS[name]).from_environment(values)
