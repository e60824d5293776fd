"""The data folder: everything that the platform keeps between two runs lies in it, and nothing elsewhere."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from local.errors import LocalError, LocalReason
from local.ports import free_port, require_free

_LEAST_FREE_BYTES = 1024**3


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where everything listens. Kept, because deployed resources name them."""

    aws: int
    database: int
    session_store: int
    web: int


class Layout:
    """Paths below one data folder, which is made when it is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.root.mkdir(parents=True, exist_ok=True)
        self.logs = self.root / "logs"
        self.aws = self.root / "aws"
        self.database = self.root / "postgres"
        self.session_store = self.root / "session-store"
        self.scratch = self.root / "scratch"
        self.lock = self.root / "platform.lock"
        self.running = self.root / "running.json"
        self.api_key = self.root / "api-key"
        self.console_user = self.root / "console-user"
        self._ports = self.root / "ports.json"

    def log(self, name: str) -> Path:
        """The log file of one process."""
        return self.logs / f"{name}.log"

    def scratch_of(self, number: int) -> Path:
        """The scratch folder of one of several workers, counted from 1."""
        return self.scratch if number == 1 else self.root / f"scratch-{number}"

    def require_space(self) -> None:
        """`LocalError` when the disk is nearly full: a database that cannot write is hard to mend."""
        free, wanted = shutil.disk_usage(self.root).free, _LEAST_FREE_BYTES
        if free < wanted:
            raise LocalError(
                LocalReason.NO_SPACE,
                f"{self.root} has {free / 1024**2:.0f} MiB free and the platform wants {wanted / 1024**2:.0f}: "
                "free some or choose another folder, `make up DATA=FOLDER`",
            )

    def kept_ports(self) -> Ports | None:
        """The ports of the last run, or of the one that runs now."""
        return Ports(**json.loads(self._ports.read_text())) if self._ports.exists() else None

    def ports(self) -> Ports:
        """The ports of the last run, which must be free, or new ones."""
        ports = self.kept_ports()
        if ports is not None:
            for name, port in asdict(ports).items():
                require_free(port, f"{name.replace('_', ' ')} of the data in {self.root}")
            return ports
        chosen: set[int] = set()
        while len(chosen) < len(Ports.__dataclass_fields__):
            chosen.add(free_port())
        ports = Ports(**dict(zip(Ports.__dataclass_fields__, sorted(chosen), strict=True)))
        self._ports.write_text(json.dumps(asdict(ports)))
        return ports
