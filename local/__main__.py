"""`python -m local up | down | demo | manage | backup | restore`: the whole platform on one machine."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import FrameType

from local.errors import LocalError

DATA = Path("build/local")
EXIT_FAILED, EXIT_INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything went as asked, 1 with the reason when not, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m local", description="The whole platform on one machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything, stay until Ctrl-C")
    down = commands.add_parser("down", help="stop what `up` started in another shell")
    demo = commands.add_parser("demo", help="sample RAWs through the whole platform, then stop everything")
    manage = commands.add_parser("manage", help="an operator's command beside what `up` started")
    for command, folder in ((up, DATA), (down, DATA), (manage, DATA), (demo, Path("build/demo"))):
        command.add_argument("--data", type=Path, default=folder, metavar="DIR", help=f"data folder (default {folder})")
    manage.add_argument("run", nargs=argparse.REMAINDER, metavar="COMMAND", help="dead_letters list, api_keys …")
    backup = commands.add_parser(
        "backup", help="copy the database of the running platform, and keep its log from now on"
    )
    restore = commands.add_parser("restore", help="bring the stopped platform's database to a moment since its backup")
    for command in (backup, restore):
        command.add_argument("--data", type=Path, default=DATA, metavar="DIR", help=f"data folder (default {DATA})")
    restore.add_argument("--to", type=_moment, required=True, metavar="TIME", help="such as 2026-11-29T21:30:00Z")
    options = parser.parse_args(arguments)
    _forget_other_accounts()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except LocalError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    if options.command == "up":
        from local.up import up  # noqa: PLC0415 - `down` should not wait for boto3

        return up(options.data)
    if options.command == "demo":
        from local.demo import demo  # noqa: PLC0415

        return demo(options.data)
    if options.command == "manage":
        from local.manage import manage  # noqa: PLC0415

        return manage(options.data, options.run)
    if options.command in {"backup", "restore"}:
        from local.backup import backup, restore  # noqa: PLC0415

        return backup(options.data) if options.command == "backup" else restore(options.data, options.to)
    from local.down import down  # noqa: PLC0415

    return down(options.data)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: a moment like 2026-11-29T21:30:00Z") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text}: say the time zone, as in 2026-11-29T21:30:00Z")
    return moment


def _forget_other_accounts() -> None:
    """No profile, credentials or endpoint of this shell has a say in what happens on this machine."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
