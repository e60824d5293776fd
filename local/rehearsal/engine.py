"""The container engine and the registry that a deployment with a real image needs."""

import http.client
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError, LocalReason

DOCKER = "docker"
_HOST_NETWORK = Path(__file__).with_name("docker-on-host-network")
_WITHOUT = "or leave the image out: make deploy-local IMAGE=none"
_TIMEOUT_S = 30


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine that answers.

    Attributes:
        registry: HOST:PORT of a registry on this machine that takes images without a password.
        builder: the command that the CDK command line builds, logs in and pushes with.
    """

    registry: str
    builder: str

    def docker(self, *arguments: str, check: bool = True) -> str:
        """What a command of the engine prints; `LocalError` with what it complains about when it fails."""
        done = _docker(*arguments)
        if check and done.returncode:
            raise LocalError(LocalReason.NOT_READY, f"docker {' '.join(arguments[:2])} failed: {_complaint(done)}")
        return done.stdout.strip()


def find_engine(environment: Mapping[str, str]) -> Engine:
    """The engine that `docker` reaches and the registry that `REGISTRY` names.

    Raises:
        LocalError: one of them is missing or does not answer; the message says which and how to go on.
    """
    try:
        version = _docker("version", "--format", "{{.Server.Version}}")
    except FileNotFoundError:
        raise LocalError(
            LocalReason.NOT_INSTALLED,
            f"the image is built by a container engine and there is no command `docker`: install Docker, {_WITHOUT}",
        ) from None
    if version.returncode:
        raise LocalError(
            LocalReason.NOT_REACHABLE, f"no container engine answers ({_complaint(version)}): start it, {_WITHOUT}"
        )
    registry = environment.get("REGISTRY", "")
    if not registry:
        raise LocalError(
            LocalReason.NOT_REACHABLE,
            "REGISTRY is not set: the image is pushed to a registry on this machine. Start one and name it: "
            "docker run -d -p 127.0.0.1:5000:5000 registry:2, then REGISTRY=127.0.0.1:5000 make deploy-local; "
            f"{_WITHOUT}",
        )
    _require_registry(registry)
    networks = _docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    # Without the network that builds use, they have none: only that of the host is left to fetch packages through.
    return Engine(registry=registry, builder=DOCKER if "bridge" in networks else str(_HOST_NETWORK))


def _require_registry(registry: str) -> None:
    connection = http.client.HTTPConnection(registry, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/v2/")
        status: int | str = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        status = str(error)
    finally:
        connection.close()
    if status != http.HTTPStatus.OK:
        raise LocalError(
            LocalReason.NOT_REACHABLE,
            f"REGISTRY={registry}: GET /v2/ says {status}; a registry on this machine that asks for no password says "
            f"200. Name another one, {_WITHOUT}",
        )


def _docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([DOCKER, *arguments], capture_output=True, text=True, check=False)


def _complaint(done: "subprocess.CompletedProcess[str]") -> str:
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
