"""A clock that can be set, for processes that are started with it: this machine's time of day, and some seconds."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

from chaos.errors import ChaosError

_SOURCE = Path(__file__).with_suffix(".c")


class Clock:
    """The time of day as the processes that were started with `environment` are told it; their other clocks go on."""

    def __init__(self, folder: Path) -> None:
        """Build it into a folder that these processes can read.

        Raises:
            ChaosError: the C compiler does not build it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._library, self._file = folder / "clock.so", folder / "clock"
        self.set(0)
        command = [compiler() or "cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        built = subprocess.run(
            [*command, "-o", str(self._library), str(_SOURCE), "-ldl"], check=False, capture_output=True, text=True
        )
        if built.returncode:
            raise ChaosError(f"{_SOURCE.name} was not built: {built.stderr.strip()}")

    @property
    def environment(self) -> dict[str, str]:
        """What a process has to be told to live by this clock."""
        return {"LD_PRELOAD": os.fspath(self._library.absolute()), "RAWMILL_CLOCK": os.fspath(self._file.absolute())}

    def set(self, ahead_s: int) -> None:
        """Jump to so many seconds ahead of this machine's clock, at once and for all of them."""
        # In place, for the processes have it mapped.
        with self._file.open("r+b" if self._file.exists() else "w+b") as file:
            file.write(struct.pack("=q", ahead_s))


def compiler() -> str | None:
    """The C compiler, where there is one."""
    return shutil.which("cc")
