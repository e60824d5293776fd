"""Parses the command line, runs one command and turns every failure into one clear message and an exit code."""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from processor.cli import demo, recipe, run, sample, warm_up
from processor.errors import ProcessorError, UsageError

EXIT_SOME_FAILED, EXIT_USAGE, EXIT_INTERRUPTED = 1, 2, 130

_COMMANDS = (run, recipe, sample, demo, warm_up)


def parser() -> argparse.ArgumentParser:
    """The parser with all commands."""
    top = argparse.ArgumentParser(
        prog="processor",
        description="Develops camera RAW files: decode, resize, filter, watermark, encode, on every core.",
        epilog="Exit codes: 0 all images are done, 1 some failed, 2 wrong usage, 130 interrupted.",
    )
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_to(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code.
    """
    options = parser().parse_args(arguments)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        code: int = options.command(options)
    except UsageError as error:
        for line in str(error).splitlines():
            errors.print(f"processor: {line}", markup=False)
        return EXIT_USAGE
    except ProcessorError as error:
        errors.print(f"processor: {error}", markup=False)
        return EXIT_SOME_FAILED
    except KeyboardInterrupt:
        errors.print("processor: interrupted", markup=False)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left, as `head` does. Nothing more can be said to it.
        sys.stderr.close()
        return EXIT_SOME_FAILED
    return code
