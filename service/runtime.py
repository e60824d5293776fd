"""The configuration of this process, loaded once by `python -m service`; everything below asks here."""

import os

import django

from service.config import Config, MaintenanceConfig, WebConfig, WorkerConfig

_config: Config | None = None


def start(config: Config) -> None:
    """Makes `config` the process's and sets Django up with it. Called once, before anything imports a model."""
    global _config  # noqa: PLW0603 - one process, one configuration
    _config = config
    os.environ["DJANGO_SETTINGS_MODULE"] = "service.settings"
    django.setup()


def configured() -> Config | None:
    """The configuration, or None in a process that was not started with one: a type checker, a migration writer."""
    return _config


def config() -> Config:
    """The configuration of this process, whatever its role.

    Raises:
        RuntimeError: the process was not started through `service.runtime.start`.
    """
    if _config is None:
        raise RuntimeError("no configuration: start this process with `python -m service` or service.runtime.start()")
    return _config


def web_config() -> WebConfig:
    """The configuration of a web task."""
    current = config()
    if not isinstance(current, WebConfig):
        raise RuntimeError(f"this process is a {current.role} task, not a web task")  # noqa: TRY004
    return current


def worker_config() -> WorkerConfig:
    """The configuration of a worker."""
    current = config()
    if not isinstance(current, WorkerConfig):
        raise RuntimeError(f"this process is a {current.role} task, not a worker")  # noqa: TRY004
    return current


def maintenance_config() -> MaintenanceConfig:
    """The configuration of a sweeper or of an operator's command."""
    current = config()
    if not isinstance(current, MaintenanceConfig):
        raise RuntimeError(f"this process is a {current.role} task, not a maintenance task")  # noqa: TRY004
    return current
