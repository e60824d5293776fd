"""How large a run is: the sizes of its inputs and renditions, how many rounds, how large the batches."""

from dataclasses import dataclass

Size = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Sizes and counts of one run.

    Attributes:
        name: what it is called in figures.
        large_px, medium_px: (width, height) of the sensors that stand for 45 and 24 megapixels.
        long_edges_px: long edges of the three renditions by name.
        rounds: counted rounds of the speed tables; one more warms up.
        batch_images, batch_rounds: size of the batch for the scaling figures, rounds with each number of processes.
        batch_px: sensors in that batch.
        peer_rounds: runs of every peer; 0 leaves peers out.
        repeats: of the small measurements (libraries, threads, pixels).
        increments: of the shared number, by each process.
    """

    name: str
    large_px: Size
    medium_px: Size
    long_edges_px: dict[str, int]
    rounds: int
    batch_images: int
    batch_rounds: int
    batch_px: Size
    peer_rounds: int
    repeats: int
    increments: int


FULL = Scale(
    name="full",
    large_px=(8256, 5504),
    medium_px=(6000, 4000),
    long_edges_px={"4k": 3840, "1080p": 1920, "thumb": 320},
    rounds=3,
    batch_images=24,
    batch_rounds=3,
    batch_px=(6000, 4000),
    peer_rounds=2,
    repeats=5,
    increments=10_000,
)

QUICK = Scale(
    name="quick",
    large_px=(4128, 2752),
    medium_px=(3000, 2000),
    long_edges_px={"4k": 1920, "1080p": 960, "thumb": 160},
    rounds=2,
    batch_images=8,
    batch_rounds=1,
    batch_px=(3000, 2000),
    peer_rounds=1,
    repeats=3,
    increments=5_000,
)

TINY = Scale(
    name="tiny",
    large_px=(1032, 688),
    medium_px=(750, 500),
    long_edges_px={"4k": 480, "1080p": 240, "thumb": 40},
    rounds=1,
    batch_images=3,
    batch_rounds=1,
    batch_px=(600, 400),
    peer_rounds=0,
    repeats=1,
    increments=500,
)
"""For tests: figures of this scale say nothing."""

SCALES = {scale.name: scale for scale in (FULL, QUICK, TINY)}
