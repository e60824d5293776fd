"""How large a run is: `full` for the figures of the page, `small` for every change."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Counts of one run.

    Attributes:
        name: what it is called in figures.
        pace: of how long a fault goes on.
        images, jobs: that flow through the platform under each fault.
        photo_px: width and height of the originals in that flow.
        callers, calls: clients of the API at a time, requests of each.
        uploads: at a time.
        tiny_images: of the one large job.
        messages: in the long queue.
    """

    name: str
    pace: float
    images: int
    jobs: int
    photo_px: tuple[int, int]
    callers: int
    calls: int
    uploads: int
    tiny_images: int
    messages: int


FULL = Size(
    name="full",
    pace=1.0,
    images=300,
    jobs=6,
    photo_px=(1200, 800),
    callers=50,
    calls=100,
    uploads=500,
    tiny_images=10_000,
    messages=100_000,
)
SMALL = Size(
    name="small",
    pace=0.5,
    images=36,
    jobs=3,
    photo_px=(1200, 800),
    callers=20,
    calls=20,
    uploads=100,
    tiny_images=200,
    messages=1_000,
)
SIZES = {size.name: size for size in (FULL, SMALL)}
