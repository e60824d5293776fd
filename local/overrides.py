"""All that differs between a process here and its task on AWS: a short list, each with its reason.

`docs/local.md` prints the table; a test holds the processes to it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from local.aws.endpoints import AwsAddress
from local.tasks import Part, Task

REASONS: Mapping[str, str] = {
    "AWS_ENDPOINT_URL": "the AWS endpoints of this machine",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "where the credentials of the task's role come from; ECS has its own address",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "opens that address to the platform's own processes alone",
    "AWS_EC2_METADATA_DISABLED": "no machine to ask for a role",
    "AWS_CONFIG_FILE": "no profile of yours is read",
    "AWS_SHARED_CREDENTIALS_FILE": "no credentials of yours are read",
    "RAWMILL_LOG_FORMAT": "lines for people",
    "RAWMILL_DATABASE_SSLMODE": "the database's wheel has no TLS; it listens on loopback only",
    "RAWMILL_PORT": "80 needs root, and web is reached without a load balancer",
    "RAWMILL_PUBLIC_URL": "the address of web itself",
    "RAWMILL_ALLOWED_HOSTS": "the hosts of that address",
    "RAWMILL_SESSION_STORE_TLS": "the session store listens on loopback only",
    "RAWMILL_PROCESSES": "the cores of this machine",
    "RAWMILL_MEMORY_BYTES": "what this machine can spare",
    "RAWMILL_SCRATCH": "a folder of the data folder",
    "RAWMILL_STOP_TIMEOUT_S": "Ctrl-C should not take two minutes",
}
"""Every variable that may differ, with the reason why."""

INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
"""What a process takes over from the shell: a container has its own."""

STOP_TIMEOUT_S = 20
_SHARE_OF_MEMORY = 0.5


def environment_of(
    task: Task, *, aws: AwsAddress, credentials: Mapping[str, str], web_port: int, scratch: Path
) -> dict[str, str]:
    """What a process of `task` is told: its definition, overridden as `REASONS` lists, and what programs inherit."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    told = environment_of_container(task, aws=aws, credentials=credentials, web_port=web_port)
    of_a_worker = {
        "RAWMILL_PROCESSES": str(os.cpu_count() or 1),
        "RAWMILL_MEMORY_BYTES": str(int(psutil.virtual_memory().available * _SHARE_OF_MEMORY)),
        "RAWMILL_SCRATCH": str(scratch),
        "RAWMILL_STOP_TIMEOUT_S": str(STOP_TIMEOUT_S),
    }
    return {
        **inherited,
        **told,
        "RAWMILL_LOG_FORMAT": "console",
        **(of_a_worker if task.part is Part.WORKER else {}),
    }


def environment_of_container(
    task: Task, *, aws: AwsAddress, credentials: Mapping[str, str], web_port: int
) -> dict[str, str]:
    """The same for a container, which has its own cores, memory, folders and time to stop: those stay as defined."""
    of_web = {
        "RAWMILL_PORT": str(web_port),
        "RAWMILL_PUBLIC_URL": web_url(web_port),
        "RAWMILL_ALLOWED_HOSTS": "127.0.0.1,localhost",
        "RAWMILL_SESSION_STORE_TLS": "0",
    }
    return {
        **task.environment,
        **aws.endpoint_environment(),
        **credentials,
        "RAWMILL_DATABASE_SSLMODE": "disable",
        **(of_web if task.part is Part.WEB else {}),
    }


def web_url(port: int) -> str:
    """Where the API answers."""
    return f"http://127.0.0.1:{port}"
