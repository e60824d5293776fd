"""What the engine knows of the built image, against what the templates ask of it."""

from typing import Any

import pytest

from image.engine import inspect
from tests.image.containers import Definition


@pytest.fixture(scope="module")
def config(image: str) -> dict[str, Any]:
    """What a container of the image is started with when nobody says otherwise."""
    return dict(inspect(image)["Config"])


def test_the_image_runs_as_the_user_that_the_tasks_name(
    config: dict[str, Any], definitions: dict[str, Definition]
) -> None:
    assert {definition.container["User"] for definition in definitions.values()} == {config["User"]} == {"10001:10001"}


def test_commands_follow_the_images_entry_point(config: dict[str, Any], definitions: dict[str, Definition]) -> None:
    assert config["Entrypoint"] == ["python", "-m", "service"]
    assert config["Cmd"] == definitions["web"].command
    assert all("EntryPoint" not in definition.container for definition in definitions.values())


def test_the_port_that_the_image_exposes_is_the_one_that_web_listens_on(
    config: dict[str, Any], definitions: dict[str, Definition]
) -> None:
    [mapping] = definitions["web"].container["PortMappings"]
    told = {pair["Name"]: pair["Value"] for pair in definitions["web"].container["Environment"]}
    assert [f"{mapping['ContainerPort']}/tcp"] == list(config["ExposedPorts"]) == [f"{told['RAWMILL_PORT']}/tcp"]


def test_the_folders_that_tasks_mount_are_the_images_volumes(
    config: dict[str, Any], definitions: dict[str, Definition]
) -> None:
    for definition in definitions.values():
        mounted = {mount["ContainerPath"] for mount in definition.container["MountPoints"]}
        assert mounted == set(config["Volumes"]), definition.name


def test_the_health_check_is_the_same_in_both(config: dict[str, Any], definitions: dict[str, Definition]) -> None:
    check, ours = definitions["web"].container["HealthCheck"], config["Healthcheck"]
    assert ours["Test"] == check["Command"]
    for name in ("Interval", "Timeout", "StartPeriod"):
        assert ours[name] == check[name] * 10**9, name
    assert ours["Retries"] == check["Retries"]


def test_nothing_that_a_task_is_told_is_set_in_the_image(
    config: dict[str, Any], definitions: dict[str, Definition]
) -> None:
    built_in = {each.partition("=")[0] for each in config["Env"]}
    for definition in definitions.values():
        told = {pair["Name"] for pair in definition.container["Environment"]}
        assert not told & built_in, definition.name
    assert not {name for name in built_in if name.startswith(("RAWMILL_", "AWS_"))}


def test_the_image_stops_at_the_signal_that_ecs_sends(
    config: dict[str, Any], definitions: dict[str, Definition]
) -> None:
    assert config["StopSignal"] == "SIGTERM"
    assert all(2 <= definition.stop_timeout_s <= 120 for definition in definitions.values())
