"""What tests of the client share: a server that misbehaves on command, and a client with little patience."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client import Patience, Phase, Rawmill
from tests.client.crooked import KEY, Crooked, crooked_server

RECIPE = {"name": "test", "renditions": [{"name": "4k", "long_edge_px": 3840}, {"name": "thumb", "long_edge_px": 320}]}


class Heard:
    """A progress that remembers what it heard."""

    def __init__(self) -> None:
        self.totals: dict[Phase, int] = {}
        self.done: dict[Phase, int] = {}
        self.ended: set[Phase] = set()
        self.notes: list[str] = []

    def begin(self, phase: Phase, total: int) -> None:
        """Remembers."""
        self.totals[phase] = total
        self.done.setdefault(phase, 0)

    def advance(self, phase: Phase, amount: int) -> None:
        """Remembers."""
        self.done[phase] += amount

    def reached(self, phase: Phase, done: int) -> None:
        """Remembers."""
        self.done[phase] = done

    def end(self, phase: Phase) -> None:
        """Remembers."""
        self.ended.add(phase)

    def note(self, text: str) -> None:
        """Remembers."""
        self.notes.append(text)


@pytest.fixture
def crooked() -> Iterator[Crooked]:
    """The server."""
    with crooked_server() as server:
        yield server


@pytest.fixture
def new_client(crooked: Crooked, tmp_path: Path) -> Iterator[Callable[..., Rawmill]]:
    """Makes clients of the server that share one state folder, as runs of one user do."""
    clients: list[Rawmill] = []

    def make(*, limit_s: float = 5.0, parallel: int = 4) -> Rawmill:
        patience = Patience(limit_s=limit_s, first_pause_s=0.01, longest_pause_s=0.05)
        clients.append(Rawmill(crooked.url, KEY, parallel=parallel, patience=patience, state=tmp_path / "state"))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def rawmill(new_client: Callable[..., Rawmill]) -> Rawmill:
    """A client."""
    return new_client()


@pytest.fixture
def shoot(tmp_path: Path) -> Path:
    """A folder of five small originals, one of which goes up in parts."""
    folder = tmp_path / "shoot"
    (folder / "day 2").mkdir(parents=True)
    for number in range(4):
        (folder / "day 2" / f"IMG_{number}.NEF").write_bytes(random.randbytes(20_000 + number))
    (folder / "big.dng").write_bytes(random.randbytes(1_500_000))
    return folder


@pytest.fixture
def command_environment(crooked: Crooked, tmp_path: Path) -> dict[str, str]:
    """For the command line as a process of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAWMILL_", "XDG_"))}
    return kept | {
        "RAWMILL_URL": crooked.url,
        "RAWMILL_API_KEY": KEY,
        "XDG_STATE_HOME": str(tmp_path / "xdg-state"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg-config"),
        "COLUMNS": "200",
    }
