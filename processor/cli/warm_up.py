"""`processor warm-up`: compiles the kernels into their cache, so that no batch pays for it."""

import argparse
import time
from typing import Any

from processor import demosaic


def add_to(commands: Any) -> None:
    """Adds the command to the parser."""
    command = commands.add_parser(
        "warm-up", help="compile the kernels into their cache", description="Compiles the kernels into their cache."
    )
    command.set_defaults(command=warm_up)


def warm_up(_options: argparse.Namespace) -> int:
    """Compiles or loads every kernel."""
    began_s = time.perf_counter()
    demosaic.warm_up()
    print(f"kernels ready in {time.perf_counter() - began_s:.1f} s")
    return 0
