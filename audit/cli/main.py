"""Entry of the command line: one subcommand for each question, one exit code for each kind of answer.

0: it holds, or the question is answered. 1: it does not hold. 2: the audit cannot tell, or the call is wrong.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from audit.errors import AuditError

_COMMANDS = ("reach", "prove", "draw", "iam", "who_can", "spof", "cost", "prices", "fleet", "review")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand."""
    parser = argparse.ArgumentParser(prog="python -m audit", description="Proofs and reports over a cloud assembly.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in _COMMANDS:
        import_module(f"audit.cli.{name}").add_to(commands)
    options = parser.parse_args(arguments)
    try:
        result: int = options.run(options)
    except AuditError as error:
        for problem in error.problems:
            print(f"audit {options.command}: {problem}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        sys.stderr.close()
        return 0
    return result
