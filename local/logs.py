"""The processes' logs in one place: what each writes to its file also appears here, with its name before each line."""

import sys
from pathlib import Path
from typing import TextIO

_COLOURS = {"web": 36, "worker": 32, "sweep": 35, "aws": 34, "postgres": 33, "session-store": 31, "rawmill": 1}
_NAME_WIDTH = max(map(len, _COLOURS))


class LogFollower:
    """Prints what was appended to the followed files since the last call; whole lines only."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._colours = out.isatty()
        self._places: dict[str, tuple[Path, int]] = {}

    def follow(self, name: str, path: Path) -> None:
        """From what is in the file now."""
        if name not in self._places:
            self._places[name] = (path, path.stat().st_size if path.exists() else 0)

    def print_new(self) -> None:
        """Whatever has come since."""
        for name, (path, start) in self._places.items():
            if not path.exists():
                continue
            with path.open("rb") as log:
                log.seek(start)
                new = log.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._places[name] = (path, start + len(whole))
            for line in whole.decode(errors="replace").splitlines():
                self.say(name, line)

    def say(self, name: str, line: str) -> None:
        """One line under a name."""
        prefix = f"{name:<{_NAME_WIDTH}} |"
        if self._colours:
            prefix = f"\x1b[{_COLOURS.get(name, 0)}m{prefix}\x1b[0m"
        print(prefix, line, file=self._out, flush=True)
