"""AWS endpoints on this machine: ministack as a child process, in a virtual environment of its own."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError, LocalReason
from local.ports import LOOPBACK, free_port
from local.process import ChildProcess, Program

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_REGION = "eu-west-1"
ACCOUNT = "000000000000"
_START_TIMEOUT_S = 60


@dataclass(frozen=True, kw_only=True)
class AwsAddress:
    """Where the endpoints listen, and the credentials of their root user: well known, good for nothing elsewhere."""

    port: int
    region: str = DEFAULT_REGION
    access_key: str = "test"
    secret_key: str = "test"  # noqa: S105 - what every local AWS endpoint takes

    @property
    def url(self) -> str:
        """Endpoint of every service."""
        return f"http://{LOOPBACK}:{self.port}"

    def environment(self) -> dict[str, str]:
        """What makes an AWS SDK or command line talk to these endpoints, as their root user, and to nothing else."""
        return {
            **self.endpoint_environment(),
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": self.region,
        }

    def endpoint_environment(self) -> dict[str, str]:
        """The same without saying who asks."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


class AwsEndpoints:
    """The endpoints. Stop with `stop`, or use as a context.

    Args:
        folder: for state and objects when `persistent`, else for temporary files alone.
        enforcing: allow only what the policies of roles, buckets and queues allow; the root user may do everything.
        settings: more variables for the emulator, such as where a database listens.
        module: what is run; tests add to the emulator in modules of their own.
    """

    def __init__(
        self,
        folder: Path,
        *,
        log: Path,
        persistent: bool = True,
        port: int | None = None,
        region: str = DEFAULT_REGION,
        enforcing: bool = False,
        settings: Mapping[str, str] | None = None,
        module: str = "local.aws.emulator",
    ) -> None:
        folder = folder.resolve()
        scratch = folder / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        self.address = AwsAddress(port=port or free_port(), region=region)
        self.process = ChildProcess(
            Program(
                name="aws",
                command=[str(_interpreter()), "-m", module],
                environment={
                    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
                    "PYTHONPATH": str(ROOT),
                    "PYTHONUNBUFFERED": "1",
                    "HOME": str(scratch),
                    "TMPDIR": str(scratch),
                    **_settings(folder, self.address, persistent=persistent),
                    **({"AUTH": "true"} if enforcing else {}),
                    **(settings or {}),
                },
                log=log,
                folder=scratch,
                grace_s=20,
            )
        )
        try:
            self.process.wait_until(self._answers, timeout_s=_START_TIMEOUT_S)
        except LocalError:
            self.process.stop()
            raise

    def __enter__(self) -> "AwsEndpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Write the state and end."""
        self.process.stop()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address.url}/_ministack/health", timeout=2) as answer:  # noqa: S310
                return isinstance(json.load(answer), dict)
        except (urllib.error.URLError, OSError, ValueError):
            return False


def _settings(folder: Path, address: AwsAddress, *, persistent: bool) -> dict[str, str]:
    settings = {
        "GATEWAY_PORT": str(address.port),
        "BIND_HOST": LOOPBACK,  # its default is every interface
        "MINISTACK_HOST": LOOPBACK,
        "MINISTACK_REGION": address.region,
        "AWS_ACCESS_KEY_ID": address.access_key,
        "AWS_SECRET_ACCESS_KEY": address.secret_key,
        "LOG_LEVEL": "WARNING",
        # Listeners of services that nothing here uses.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # No Docker, even where there is one.
        "DOCKER_HOST": f"unix://{folder / 'no-docker.sock'}",
    }
    if persistent:
        state, objects = folder / "state", folder / "objects"
        settings |= {"PERSIST_STATE": "1", "STATE_DIR": str(state), "S3_PERSIST": "1", "S3_DATA_DIR": str(objects)}
    return settings


def _interpreter() -> Path:
    interpreter = ROOT / ".venv-aws" / "bin" / "python"
    if not interpreter.exists():
        raise LocalError(LocalReason.NOT_INSTALLED, "the local AWS endpoints are not installed: run `make setup-aws`")
    return interpreter
