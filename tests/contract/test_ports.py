"""One number in four places: what the image listens on, what the task opens, what is asked, what is let through."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stacks.settings import environment_names
from stacks.traffic import FLOWS, Party
from tests.stacks.template import Resource, Template

ROOT = Path(__file__).resolve().parents[2]
TemplateOf = Callable[[str, str], Template]

Environments = pytest.mark.parametrize("environment", environment_names())


def _matrix(source: Party, target: Party) -> int:
    (port,) = {flow.port for flow in FLOWS if (flow.source, flow.target) == (source, target)}
    return port


def _container(template: Template) -> Resource:
    (container,) = template.only("AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    found: Resource = container
    return found


def _variables(container: Resource) -> dict[str, Any]:
    return {variable["Name"]: variable["Value"] for variable in container["Environment"]}


@Environments
def test_web_s_port_is_the_same_in_image_task_load_balancer_service_and_traffic_matrix(
    template_of: TemplateOf, environment: str
) -> None:
    web = template_of("Web", environment)
    container = _container(web)
    group = web.only("AWS::ElasticLoadBalancingV2::TargetGroup")
    (balanced,) = web.only("AWS::ECS::Service")["LoadBalancers"]
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    ports = {
        "traffic matrix": _matrix(Party.LOAD_BALANCER, Party.WEB),
        "image": int(exposed),
        "container": container["PortMappings"][0]["ContainerPort"],
        "environment": int(_variables(container)["RAWMILL_PORT"]),
        "target group": group["Port"],
        "health check": group["Port"] if group.get("HealthCheckPort") in {None, "traffic-port"} else None,
        "service": balanced["ContainerPort"],
    }
    assert len(set(ports.values())) == 1, ports


@Environments
def test_a_worker_listens_on_nothing(template_of: TemplateOf, environment: str) -> None:
    for task in template_of("Workers", environment).all("AWS::ECS::TaskDefinition").values():
        assert "PortMappings" not in task["ContainerDefinitions"][0]


@Environments
def test_the_stores_listen_where_the_traffic_matrix_lets_their_callers_through(
    template_of: TemplateOf, environment: str
) -> None:
    data = template_of("Data", environment)
    database, store = (data.content["Resources"][name]["Properties"] for name in ("Database", "SessionStore"))
    assert int(database["Port"]) == _matrix(Party.WEB, Party.DATABASE) == _matrix(Party.WORKERS, Party.DATABASE)
    assert store["Port"] == _matrix(Party.WEB, Party.SESSION_STORE)


@Environments
def test_the_load_balancer_listens_where_the_internet_may_come_in(template_of: TemplateOf, environment: str) -> None:
    web = template_of("Web", environment)
    listening = {listener["Port"] for listener in web.all("AWS::ElasticLoadBalancingV2::Listener").values()}
    assert listening <= {flow.port for flow in FLOWS if flow.target is Party.LOAD_BALANCER}


@Environments
def test_tasks_and_instances_call_from_the_ports_that_network_acls_let_answers_back_in_to(
    template_of: TemplateOf, environment: str
) -> None:
    for stack in ("Web", "Workers"):
        template = template_of(stack, environment)
        for task in template.all("AWS::ECS::TaskDefinition").values():
            controls = {
                control["Namespace"]: control["Value"] for control in task["ContainerDefinitions"][0]["SystemControls"]
            }
            assert controls["net.ipv4.ip_local_port_range"] == "32768 60999"
        for launch in template.all("AWS::EC2::LaunchTemplate").values():
            assert "net.ipv4.ip_local_port_range" in str(launch["LaunchTemplateData"]["UserData"])
