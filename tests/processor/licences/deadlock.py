"""The textbook deadlock of two licences, detected and not hung; and the same two processes through the ordered API."""

import multiprocessing
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from processor.errors import ImageError
from processor.licences import LicenceOptions, open_licences

PAIR = ("filter_license", "watermark_license")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What became of two processes that wanted the pair in opposite orders.

    Attributes:
        finished: processes that held both licences.
        deadlocks: for each of the others, the sentence that names who held what it waited for.
    """

    finished: int
    deadlocks: tuple[str, ...]


def contest(folder: Path, *, ordered: bool, timeout_s: float = 1.0) -> Contest:
    """Let two processes take the pair in opposite orders.

    Unordered, each takes its first licence, waits until the other has its first too, then wants its second: every run
    deadlocks, and the time-out finds it. Each has licences of its own, so the order is not enforced across the two
    steps. Ordered, both name the pair in one hold().
    """
    context = multiprocessing.get_context("spawn")
    options = LicenceOptions(seats=dict.fromkeys(PAIR, 1), folder=folder, timeout_s=timeout_s)
    ends, children = [], []
    for order in (PAIR, PAIR[::-1]):
        ours, theirs = context.Pipe()
        child = context.Process(target=_contend, args=(options, order, ordered, theirs))
        child.start()
        ends.append(ours)
        children.append(child)
    for step in range(1 if ordered else 2):
        for end in ends:
            end.recv()
        for end in ends:
            end.send(step)
    answers = [str(end.recv()) for end in ends]
    for child in children:
        child.join()
    deadlocks = tuple(answer for answer in answers if answer)
    return Contest(finished=len(answers) - len(deadlocks), deadlocks=deadlocks)


def _contend(options: LicenceOptions, order: tuple[str, str], ordered: bool, end: Connection) -> None:
    first, second = open_licences(options), open_licences(options)
    _meet(end)
    try:
        if ordered:
            with first.hold(*order, image=order[0]):
                pass
        else:
            with first.hold(order[0], image=order[0]):
                _meet(end)
                with second.hold(order[1], image=order[0]):
                    pass
    except ImageError as error:
        end.send(str(error))
    else:
        end.send("")


def _meet(end: Connection) -> None:
    end.send("here")
    end.recv()
