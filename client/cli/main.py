"""Parses the command line, runs one command and turns every failure into one clear line and an exit code."""

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Sequence

from rich.console import Console

from client.cli import jobs, submit
from client.cli.common import EXIT_INTERRUPTED, EXIT_NETWORK, EXIT_SOME_FAILED, connection
from client.errors import ClientError, Interrupted
from client.transport import printable


def parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    top = argparse.ArgumentParser(
        prog="client",
        description="Submits camera RAW files to Rawmill, watches jobs and downloads what was made of them.",
        epilog="Exit codes: 0 done, 1 some images failed, 2 wrong usage or bad input, 3 server or network, "
        "130 interrupted. Server and key: RAWMILL_URL and RAWMILL_API_KEY, options, or the configuration file.",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    submit.add_to(commands)
    jobs.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code.
    """
    options = parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)
    try:
        code: int = options.command(options)
    except (KeyboardInterrupt, Interrupted):
        errors.print("client: interrupted")
        code = EXIT_INTERRUPTED
    except ClientError as error:
        for line in str(error).splitlines() or [type(error).__name__]:
            errors.print(printable(f"client: {line}"))
        code = error.exit_code
    except BrokenPipeError:
        # The reader of our output left, as `head` does. Nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_SOME_FAILED
    if code in {EXIT_NETWORK, EXIT_INTERRUPTED} and (way_on := _way_on(options)):
        errors.print(printable(way_on))
    return code


def _way_on(options: argparse.Namespace) -> str | None:
    """The command that goes on with a submission that was broken off, if there is one."""
    what = getattr(options, "what", None) or next(iter(getattr(options, "paths", ())), None)
    if what is None:
        return None
    with contextlib.suppress(ClientError), connection(options) as rawmill:
        if rawmill.is_unfinished(what):
            return f"go on with: python -m client resume {shlex.quote(str(what))}"
    return None
