"""Two licences taken in opposite orders: the deadlock, found and ended, and the interface that excludes it."""

import fcntl
import multiprocessing
import tempfile
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Barrier
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.part import Bench, Figures, Target
from processor.licences import FileLicenceBackend, LicenceOrderError, Licences

_LICENCES = ("filter_license", "watermark_license")
_PATIENCE_S = 60.0
_STILL_S = 2.0
"""How long nothing may happen until two waiting processes are taken for deadlocked; a turn takes milliseconds."""
ROUNDS = 200


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A process says: I hold this and now ask for that."""

    holds: str
    wants: str


@dataclass(frozen=True, slots=True)
class _Done:
    rounds: int


def run(_bench: Bench) -> Figures:
    """Both ways."""
    return measure()


def measure(still_s: float = _STILL_S, rounds: int = ROUNDS) -> Figures:
    """The deadlock with bare locks, then as many rounds as wanted by the ordered interface."""
    return {
        "licences": list(_LICENCES),
        "bare": _bare(still_s),
        "ordered": _ordered(rounds),
        "refused": _refusal(),
    }


def _bare(still_s: float) -> Figures:
    """Two processes take two file locks in opposite orders. Returns who holds and wants what at the end."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        both_hold = context.Barrier(2)
        channels: list[Connection] = []
        processes = []
        for first, second in (_LICENCES, _LICENCES[::-1]):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_take_bare, args=(theirs, both_hold, Path(folder), first, second))
            process.start()
            theirs.close()
            channels.append(ours)
            processes.append(process)
        try:
            states = [channel.recv() if channel.poll(_PATIENCE_S) else None for channel in channels]
            began_s = time.monotonic()
            moved = wait(channels, timeout=still_s)
            watched_s = time.monotonic() - began_s
            alive = sum(process.is_alive() for process in processes)
        finally:
            for process in processes:
                process.kill()
                process.join()
    edges = [
        {"process": "AB"[number], "holds": state.holds, "wants": state.wants}
        for number, state in enumerate(states)
        if isinstance(state, _Waiting)
    ]
    return {
        "waiting": edges,
        "watched_s": watched_s,
        "alive": alive,
        "deadlocked": not moved and alive == 2 and _is_circle(edges),
    }


def _is_circle(edges: list[dict[str, str]]) -> bool:
    """Whether each of two processes wants what the other one holds."""
    return len(edges) == 2 and edges[0]["wants"] == edges[1]["holds"] and edges[1]["wants"] == edges[0]["holds"]


def _take_bare(channel: Connection, both_hold: Barrier, folder: Path, first: str, second: str) -> None:
    with (folder / first).open("w") as held, (folder / second).open("w") as wanted:
        fcntl.flock(held, fcntl.LOCK_EX)
        both_hold.wait(_PATIENCE_S)
        channel.send(_Waiting(first, second))
        fcntl.flock(wanted, fcntl.LOCK_EX)
        channel.send(_Done(1))


def _ordered(rounds: int) -> Figures:
    """The same two processes and orders of asking, by the interface that the stages use."""
    context = multiprocessing.get_context("spawn")
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        ready = context.Barrier(2)
        channels: list[Connection] = []
        processes = []
        for names in (_LICENCES, _LICENCES[::-1]):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_take_ordered, args=(theirs, ready, Path(folder), names, rounds))
            process.start()
            theirs.close()
            channels.append(ours)
            processes.append(process)
        try:
            done = [channel.recv().rounds if channel.poll(_PATIENCE_S) else 0 for channel in channels]
        except EOFError:
            done = [0, 0]
        finally:
            for process in processes:
                process.join(5)
                process.kill()
    return {"rounds": rounds, "done": done, "wall_s": time.monotonic() - began_s}


def _take_ordered(channel: Connection, ready: Barrier, folder: Path, names: tuple[str, ...], rounds: int) -> None:
    licences = Licences(FileLicenceBackend(folder), dict.fromkeys(names, 1), timeout_s=_PATIENCE_S)
    ready.wait(_PATIENCE_S)
    for _ in range(rounds):
        with licences.hold(*names, image="an image"):
            pass
    channel.send(_Done(rounds))


def _refusal() -> str:
    """What the interface says to code that goes against the order."""
    with tempfile.TemporaryDirectory() as folder:
        licences = Licences(FileLicenceBackend(Path(folder)), dict.fromkeys(_LICENCES, 1), timeout_s=1.0)
        with licences.hold(_LICENCES[1]):
            try:
                with licences.hold(_LICENCES[0]):
                    pass
            except LicenceOrderError as error:
                return str(error)
    return ""


def show(figures: Figures, console: Console) -> None:
    """Who waits for whom, and the ordered rounds."""
    table = Table(title="Two licences in opposite orders")
    for column in ("process", "holds", "wants"):
        table.add_column(column)
    for edge in figures["bare"]["waiting"]:
        table.add_row(edge["process"], edge["holds"], edge["wants"])
    console.print(table)
    console.print(
        f"bare locks: deadlocked = {figures['bare']['deadlocked']} after {figures['bare']['watched_s']:.1f} s; "
        f"ordered: {figures['ordered']['done']} of {figures['ordered']['rounds']} rounds each"
    )


def targets(_figures: Figures) -> list[Target]:
    """None of its own: that ordering excludes deadlock is tested."""
    return []
