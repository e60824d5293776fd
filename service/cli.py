"""The command line of the service: reads the environment, sets the process up, and hands over to the role."""

import argparse
import sys
from collections.abc import Sequence
from typing import TextIO

from botocore.exceptions import BotoCoreError, ClientError
from django.db import OperationalError

from service import logs, runtime
from service.aws.errors import AwsError
from service.aws.secrets import SecretError
from service.config import Config, ConfigError, MaintenanceConfig, WebConfig, WorkerConfig

FAILURE = 1
USAGE_ERROR = 2


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns the exit code: 0, 1 after a failure, 2 after a wrong call or environment."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command != "manage":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return int(options.run(options, rest))
    except ConfigError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    except (AwsError, BotoCoreError, ClientError, SecretError, OperationalError) as error:
        # What this process stands on is not there: a line for whoever reads the log, not a page of frames.
        print(f"{type(error).__name__}: {str(error).strip()}", file=sys.stderr)
        return FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m service", description="The Rawmill service.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    web = commands.add_parser("web", help="migrate, then serve the API until SIGTERM")
    web.set_defaults(run=_web)
    worker = commands.add_parser("worker", help="develop images from the queue until SIGTERM")
    worker.add_argument(
        "--until-empty", action="store_true", help="exit when the queue is empty and nothing is in work"
    )
    worker.set_defaults(run=_worker)
    sweep = commands.add_parser("sweep", help="send what was never sent, end what is lost or expired; once")
    sweep.add_argument("--every", type=_seconds, metavar="S", help="again every S seconds until SIGTERM")
    sweep.set_defaults(run=_sweep)
    manage = commands.add_parser(
        "manage", help="operator's tools: migrate, api_keys, tenants, dead_letters, outbox", add_help=False
    )
    manage.set_defaults(run=_manage)
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.1 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text}: 0.1 to 86400 seconds")
    return value


def _started(kind: type[Config], *, log_to: TextIO = sys.stdout) -> None:
    config = kind.from_environment()
    logs.configure(config, stream=log_to)
    runtime.start(config)


def _web(_options: argparse.Namespace, _rest: Sequence[str]) -> int:
    _started(WebConfig)
    from service.database.additive import MigrationRefused  # noqa: PLC0415 - models can be imported from here on
    from service.database.migrate import migrate_first  # noqa: PLC0415
    from service.web.server import run  # noqa: PLC0415

    try:
        migrate_first()
    except MigrationRefused as error:
        print(error, file=sys.stderr)
        return FAILURE
    run(runtime.web_config())
    return 0


def _worker(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    _started(WorkerConfig)
    from service.worker import run  # noqa: PLC0415

    return run(until_empty=options.until_empty)


def _sweep(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    _started(MaintenanceConfig)
    from service.jobs.sweeper import run  # noqa: PLC0415

    return run(every_s=options.every)


def _manage(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    _started(MaintenanceConfig, log_to=sys.stderr)  # standard output is the command's answer
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    execute_from_command_line(["python -m service manage", *rest])
    return 0
