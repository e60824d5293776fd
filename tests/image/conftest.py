"""The image that `make image` built, and the parts of the local platform that its containers stand on."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from client.rawmill import Rawmill
from image.engine import docker, inspect, why_no_engine
from image.errors import ImageError
from local.assembly import Assembly
from local.aws.endpoints import ACCOUNT, DEFAULT_REGION, ROOT
from local.fleet import Fleet
from local.layout import Layout
from local.overrides import REASONS, web_url
from local.platform import ENVIRONMENT, deploy_environment
from local.ports import free_port
from local.runners import Processes
from local.servers import Servers
from local.synthesis import assembly_folder
from local.tasks import Part, Task
from processor.sample import SAMPLE_SIZES, make_sample
from tests.image.containers import Container, Definition, running, wait_until
from tests.stacks.template import Template

OWN = {
    "RAWMILL_LOG_FORMAT",
    "RAWMILL_PROCESSES",
    "RAWMILL_MEMORY_BYTES",
    "RAWMILL_SCRATCH",
    "RAWMILL_STOP_TIMEOUT_S",
}
"""A process of the local platform is told other values than its task. A container is not: it has the task's limits."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a built image: `make image-test` runs these, and nothing else does."""
    for item in items:
        if item.nodeid.startswith("tests/image/") and "image" in getattr(item, "fixturenames", ()):
            item.add_marker("image")
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name. Where there is no engine, nothing of all this can be tried."""
    missing = why_no_engine()
    if missing is not None:
        pytest.skip(missing)
    name = os.environ.get("RAWMILL_IMAGE", "rawmill:local")
    try:
        inspect(name)
    except ImageError as error:
        pytest.fail(str(error))
    return name


@pytest.fixture(scope="session")
def definitions() -> dict[str, Definition]:
    """The task definitions of the environment that is deployed here, by the names of their containers."""
    assembly = Assembly(assembly_folder(ENVIRONMENT), account=ACCOUNT, region=DEFAULT_REGION)
    found = [
        Definition(task=task)
        for stack in assembly.stacks()
        for task in Template.read(stack.template).all("AWS::ECS::TaskDefinition").values()
    ]
    return {definition.name: definition for definition in found}


@dataclass
class Stage:
    """Starts containers of the image over the local platform's servers, as the task definitions have them."""

    image: str
    tasks: Mapping[Part, Task]
    fleet: Fleet
    definitions: Mapping[str, Definition]

    def environment(self, part: Part) -> dict[str, str]:
        """What the deployed task definition says, but for the addresses of this machine."""
        task, here = self.tasks[part], self.fleet.environments[part]
        return {**task.environment, **{name: here[name] for name in REASONS.keys() - OWN if name in here}}

    def web(self, port: int | None = None) -> AbstractContextManager[Container]:
        """The web task; at the platform's own port unless another one is given."""
        environment = self.environment(Part.WEB)
        if port is not None:
            environment |= {"RAWMILL_PORT": str(port), "RAWMILL_PUBLIC_URL": web_url(port)}
        return running(self.image, self.definitions["web"], environment)

    def worker(self, *command: str, **options: Any) -> AbstractContextManager[Container]:
        """A worker that stays until it is stopped, or the command given."""
        definition = self.definitions["burst"]
        return running(self.image, definition, self.environment(Part.WORKER), command=command or ("worker",), **options)

    def maintenance(self, *command: str) -> str:
        """What a command of the maintenance task answers; it has to end with 0."""
        definition = self.definitions["maintenance"]
        with running(self.image, definition, self.environment(Part.SWEEP), command=command) as container:
            self.ended(container)
            assert container.state["ExitCode"] == 0, container.log
            return docker("logs", container.id)

    def ended(self, container: Container) -> None:
        """Wait for a container that ends by itself."""
        docker("wait", container.id)

    @property
    def url(self) -> str:
        """Where the web container answers."""
        return self.fleet.access.url


@pytest.fixture(scope="session")
def stage(image: str, definitions: dict[str, Definition], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Database, session store and AWS endpoints with everything deployed."""
    with Servers(Layout(tmp_path_factory.mktemp("image") / "data")) as servers:
        tasks = deploy_environment(servers)
        # Nothing of the service runs as a process: `serve` is not called.
        fleet = Fleet(servers, tasks, Processes(servers.layout.scratch), said=lambda _: None)
        yield Stage(image, tasks, fleet, definitions)


@pytest.fixture(scope="session")
def web(stage: Stage, measured: "Measured") -> Iterator[Container]:
    """One web container for all tests that need an API."""
    began_s = time.monotonic()
    with stage.web() as container:
        wait_until(partial(answers, stage.url), container, what="an answer of GET /health/")
        measured.note("web: start to healthy, migrating an empty database", f"{time.monotonic() - began_s:.1f} s")
        yield container


@pytest.fixture
def other_web(stage: Stage, web: Container, measured: "Measured") -> Iterator[Container]:
    """Another web container beside it, as in a deployment."""
    port = free_port()
    began_s = time.monotonic()
    with stage.web(port) as container:
        wait_until(partial(answers, web_url(port)), container, what="an answer of GET /health/")
        measured.note("web: start to healthy", f"{time.monotonic() - began_s:.1f} s")
        yield container


def answers(url: str) -> bool:
    """Whether a web task would get requests from a load balancer."""
    try:
        return httpx.get(f"{url}/health/", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


@dataclass(frozen=True)
class Customer:
    """Who sends jobs to the web container. The key was made by the operator's command of the image."""

    rawmill: Rawmill
    http: httpx.Client

    def announce(self, files: int) -> str:
        """A job whose files nobody uploads; returns its id."""
        named = [{"name": f"{number}.dng", "size_bytes": 1000} for number in range(files)]
        answer = self.http.post("/v1/jobs", json={"recipe": "default", "files": named})
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return str(answer.json()["job_id"])

    def send(self, *files: Path, recipe: Mapping[str, Any]) -> str:
        """Upload files for a job, and do not wait for it; returns its id."""
        return self.rawmill.submit(list(files), recipe=recipe, wait=False, anew=True).job.job_id

    def statuses(self, job_id: str) -> list[str]:
        """Where each image of a job is."""
        return [image.status.value for image in self.rawmill.images(job_id)]


@pytest.fixture(scope="session")
def customer(stage: Stage, web: Container, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Customer]:
    """A customer with a tenant and a key."""
    stage.maintenance("manage", "tenants", "create", "acme", "--name", "Acme")
    key = stage.maintenance("manage", "api_keys", "create", "acme", "--name", "test")
    bearer = {"Authorization": f"Bearer {key}"}
    with (
        Rawmill(stage.url, key, state=tmp_path_factory.mktemp("client")) as rawmill,
        httpx.Client(base_url=stage.url, headers=bearer, timeout=30) as http,
    ):
        yield Customer(rawmill, http)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Sample RAWs of a named size, each made once."""
    folder = tmp_path_factory.mktemp("samples")

    def make(size: str) -> Path:
        path = folder / f"{size}.dng"
        if not path.exists():
            width, height = SAMPLE_SIZES[size]
            make_sample(path, width_px=width, height_px=height, seed=1, compression="lossless-jpeg")
        return path

    return make


class Measured:
    """Figures for people, printed at the end by `make image-test`."""

    def __init__(self) -> None:
        self._lines: dict[str, str] = {}

    def note(self, what: str, value: str) -> None:
        """Keep a figure."""
        self._lines[what] = value

    def write(self, path: Path) -> None:
        """A table."""
        width = max((len(what) for what in self._lines), default=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{what:{width}}  {value:>12}\n" for what, value in self._lines.items()))


@pytest.fixture(scope="session")
def measured() -> Iterator[Measured]:
    """The figures of this run."""
    figures = Measured()
    yield figures
    figures.write(ROOT / "build" / "image" / "measured.txt")
