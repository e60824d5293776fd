"""The whole platform, started as a person starts it: what runs, what it is told, how it ends, what it keeps."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from client.rawmill import Rawmill
from local.aws.endpoints import ROOT, AwsAddress
from local.clients import Clients
from local.layout import Layout
from local.overrides import INHERITED, REASONS
from local.tasks import Part, deployed_tasks
from processor.sample import make_sample
from tests.waiting import wait_until

pytestmark = pytest.mark.slow
READY = "The platform is ready"
UP_TIMEOUT_S = 240
# What may stand in a developer's shell, and must not matter.
_OF_ANOTHER_ACCOUNT = {"AWS_PROFILE": "production", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_REGION": "us-east-2"}


@dataclass
class Up:
    """A `make up` in another process."""

    process: subprocess.Popen[str]
    layout: Layout
    output: Path
    family: list[psutil.Process] = field(default_factory=list)

    @property
    def said(self) -> str:
        """Everything on its terminal so far."""
        return self.output.read_text()

    @property
    def url(self) -> str:
        """Where the API answers."""
        found = re.search(rf"{READY}: (\S+)", self.said)
        assert found is not None, self.said
        return found[1]

    @property
    def key(self) -> str:
        """The API key that was made."""
        return self.layout.api_key.read_text()

    def part(self, name: str) -> psutil.Process:
        """The process of one part of the service."""
        [found] = [
            process
            for process in psutil.Process(self.process.pid).children()
            if process.cmdline()[1:4] == ["-m", "service", name]
        ]
        return found

    def client(self, tmp_path: Path) -> Rawmill:
        """The customer's client."""
        return Rawmill(self.url, self.key, state=tmp_path / "client")


@contextmanager
def started(data: Path) -> Iterator[Up]:
    """`make up`, waited for; killed at the end if it still runs."""
    output = data.with_suffix(".out")
    with output.open("w") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "local", "up", "--data", str(data)],
            cwd=ROOT,
            env={**os.environ, **_OF_ANOTHER_ACCOUNT},
            stdout=terminal,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    up = Up(process, Layout(data), output)
    try:
        wait_until(lambda: READY in up.said or process.poll() is not None, at_most_s=UP_TIMEOUT_S, what="the platform")
        assert READY in up.said, up.said
        up.family = psutil.Process(process.pid).children(recursive=True)
        yield up
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(120)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, assembly: object) -> Iterator[Up]:
    """A platform that the tests of this module share, and leave running."""
    with started(tmp_path_factory.mktemp("platform") / "data") as up:
        yield up


@pytest.fixture(scope="module")
def shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small RAW files."""
    folder = tmp_path_factory.mktemp("shoot")
    for seed in (1, 2):
        make_sample(folder / f"{seed}.dng", width_px=640, height_px=480, seed=seed)
    return folder


def test_the_walk_through_of_the_api_page_works_as_printed(platform: Up, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "api.md").read_text()
    walk_through = page.partition("<!-- walk-through")[2].partition("<!-- end -->")[0]
    commands = re.findall(r"```sh\n(.*?)```", walk_through, flags=re.DOTALL)
    assert len(commands) == 5
    # the same folders as a person sees them, in a place where files may be left
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "local").symlink_to(platform.layout.root)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],  # noqa: S607 - the shell of whoever reads the page
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status":"completed"' in done.stdout, "the events tell the end"
    assert zipfile.is_zipfile(tmp_path / "renditions.zip")
    link = next(line for line in done.stdout.splitlines() if line.startswith("http"))
    assert httpx.get(link).content.startswith(b"\xff\xd8\xff"), "a rendition is a JPEG"


def test_raws_that_are_submitted_over_http_come_back_developed(platform: Up, shoot: Path, tmp_path: Path) -> None:
    with platform.client(tmp_path) as rawmill:
        submission = rawmill.submit([shoot], recipe=_recipe(tmp_path), out=tmp_path / "out")
    assert submission.is_good
    assert submission.job.status == "completed"
    assert len(list((tmp_path / "out").rglob("*.jpg"))) == 2


def test_processes_are_told_what_their_task_definitions_say_and_only_the_listed_differs(platform: Up) -> None:
    ports = json.loads((platform.layout.root / "ports.json").read_text())
    tasks = deployed_tasks(Clients(AwsAddress(port=ports["aws"])).ecs)
    for part in Part:
        told = platform.part(part).environ()
        defined = tasks[part].environment
        differing = {name for name in told.keys() | defined.keys() if told.get(name) != defined.get(name)}
        assert differing - set(INHERITED) <= REASONS.keys(), part
        assert defined.keys() <= told.keys(), part


def test_task_definitions_keep_every_variable_of_their_templates(platform: Up, templates: dict[str, Any]) -> None:
    ports = json.loads((platform.layout.root / "ports.json").read_text())
    tasks = deployed_tasks(Clients(AwsAddress(port=ports["aws"])).ecs)
    families = {task.family: task for task in tasks.values()}
    definitions = [each["Properties"] for each in templates.values() if each["Type"] == "AWS::ECS::TaskDefinition"]
    for definition in definitions:
        if definition["Family"] not in families:
            continue
        given = {pair["Name"]: pair["Value"] for pair in definition["ContainerDefinitions"][0]["Environment"]}
        told = families[definition["Family"]].environment
        assert told.keys() == given.keys()
        assert {name: value for name, value in given.items() if isinstance(value, str)}.items() <= told.items()


def test_everything_listens_on_loopback_only(platform: Up) -> None:
    addresses = {
        connection.laddr.ip
        for process in [psutil.Process(platform.process.pid), *platform.family]
        if process.is_running()
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_a_second_platform_over_the_same_data_says_where_the_first_one_is(platform: Up) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "local", "up", "--data", str(platform.layout.root)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert f"a platform already runs over {platform.layout.root}: its API is {platform.url}" in second.stderr
    assert httpx.get(f"{platform.url}/health/").status_code == 200


def test_what_a_customer_made_outlives_a_stop_and_neither_stop_nor_hard_kill_leaves_a_process(
    shoot: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with started(data) as up:
        with up.client(tmp_path) as rawmill:
            job = rawmill.submit([shoot], recipe=_recipe(tmp_path), wait=True).job
        down = subprocess.run(
            [sys.executable, "-m", "local", "down", "--data", str(data)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert down.returncode == 0, down.stderr
        assert up.process.wait(60) == 0
        assert _left(up.family) == []
        before = up.url, up.key
    with started(data) as up:
        assert (up.url, up.key) == before
        assert "created" not in up.said, "the stacks are still there"
        with up.client(tmp_path) as rawmill:
            assert rawmill.job(job.job_id).status == "completed"
            rawmill.download(job.job_id, tmp_path / "again")
        assert len(list((tmp_path / "again").rglob("*.jpg"))) == 2
        up.process.kill()
        up.process.wait(60)
        wait_until(lambda: _left(up.family) == [])


def test_when_web_dies_everything_else_stops_and_the_reason_is_said(tmp_path: Path) -> None:
    with started(tmp_path / "data") as up:
        up.part("web").send_signal(signal.SIGKILL)
        assert up.process.wait(120) == 1
        assert "web ended with signal SIGKILL" in up.said
        wait_until(lambda: _left(up.family) == [])


def test_an_operator_runs_commands_beside_the_platform(platform: Up) -> None:
    command = ["manage", "--data", str(platform.layout.root), "tenants", "list"]
    listed = subprocess.run(
        [sys.executable, "-m", "local", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.startswith("demo\t")


def test_the_page_lists_every_override_with_its_reason() -> None:
    page = (ROOT / "docs" / "local.md").read_text()
    rows = [f"| `{name}` | {reason} |" for name, reason in REASONS.items()]
    assert "\n".join(rows) in page


def test_down_without_a_platform_says_so(tmp_path: Path) -> None:
    down = subprocess.run(
        [sys.executable, "-m", "local", "down", "--data", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (down.returncode, down.stderr) == (1, f"no platform runs over {tmp_path.resolve()} (not_running)\n")


def _recipe(folder: Path) -> Path:
    path = folder / "recipe.json"
    path.write_text(json.dumps({"name": "small", "renditions": [{"name": "small", "long_edge_px": 320}]}))
    return path


def _left(processes: list[psutil.Process]) -> list[str]:
    """Those that still run."""
    left = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                left.append(" ".join(process.cmdline()))
        except psutil.NoSuchProcess:
            continue
    return left
