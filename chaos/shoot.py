"""Images that flow through the platform while it is broken, submitted with the customer's own client."""

import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from chaos.field import Field
from client import ClientError, Patience, Rawmill, Submission
from processor.sample import make_sample

RECIPE = {"name": "chaos", "renditions": [{"name": "web", "long_edge_px": 480}, {"name": "thumb", "long_edge_px": 96}]}
RENDITIONS = tuple(str(each["name"]) for each in RECIPE["renditions"])  # type: ignore[index]
PATIENCE = Patience(limit_s=240.0, longest_pause_s=4.0)
_PHOTOS = 6


@dataclass(slots=True, kw_only=True)
class Shoot:
    """Images under way.

    Attributes:
        names: the files of each folder that was submitted.
        began_at: time.time() at which the first was submitted.
    """

    names: list[list[str]]
    began_at: float
    _submitted: list[Future[Submission]] = field(default_factory=list)
    _threads: ThreadPoolExecutor | None = None

    @property
    def images(self) -> int:
        """How many there are."""
        return sum(map(len, self.names))

    @property
    def is_over(self) -> bool:
        """Whether every job has ended or was given up."""
        return all(submitted.done() for submitted in self._submitted)

    def submissions(self, *, within_s: float) -> list[Submission | ClientError | TimeoutError]:
        """What became of each folder; waits for all of them."""
        deadline_s = time.monotonic() + within_s
        return [_ending(submitted, deadline_s - time.monotonic()) for submitted in self._submitted]

    def close(self) -> None:
        """Waits no longer."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def send(target: Field, folder: Path, *, images: int, jobs: int, size_px: tuple[int, int]) -> Shoot:
    """Submits so many images in so many jobs at once, and returns while they are under way.

    Args:
        target: the platform.
        folder: for originals and the clients' memory; its photos are kept for the next shoot.
        images: in all.
        jobs: each by a client of its own.
        size_px: width and height of the originals.
    """
    pictures = photos(folder / "photos", size_px)
    began_at = time.time()
    threads = ThreadPoolExecutor(jobs, thread_name_prefix="customer")
    shoot = Shoot(names=[], began_at=began_at, _threads=threads)
    for number in range(jobs):
        count = images // jobs + (number < images % jobs)
        files = originals(folder / f"{began_at:.3f}-{number}", pictures, count)
        shoot.names.append([path.name for path in files])
        shoot._submitted.append(threads.submit(_submit, target, files[0].parent, folder / "clients"))
    return shoot


def _submit(target: Field, folder: Path, state: Path) -> Submission:
    own = state / threading.current_thread().name
    with Rawmill(target.url, target.key, state=own, patience=PATIENCE) as rawmill:
        return rawmill.submit([folder], recipe=RECIPE, anew=True)


def _ending(submitted: "Future[Submission]", within_s: float) -> Submission | ClientError | TimeoutError:
    try:
        return submitted.result(max(0.0, within_s))
    except (ClientError, TimeoutError) as error:
        return error


def photos(folder: Path, size_px: tuple[int, int]) -> Sequence[Path]:
    """A few different photos of one size, made when they are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"{size_px[0]}x{size_px[1]}-{seed}.dng" for seed in range(1, _PHOTOS + 1)]
    for seed, photo in enumerate(made, 1):
        if not photo.exists():
            make_sample(photo, width_px=size_px[0], height_px=size_px[1], seed=seed)
    return made


def originals(folder: Path, pictures: Sequence[Path], count: int) -> list[Path]:
    """A folder of a few photos, each under many names."""
    folder.mkdir(parents=True)
    files = [folder / f"IMG_{number:05}.dng" for number in range(count)]
    for number, path in enumerate(files):
        os.link(pictures[number % len(pictures)], path)
    return files
