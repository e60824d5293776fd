"""`python -m bench.once DESIGN SOURCE LOGO OUT NAME=EDGE…`: the job on one original in a fresh process."""

import sys
from pathlib import Path

from bench.job import Job


def main() -> None:
    """Does it once. Imports only what its design needs, as a script of that design would."""
    design, source, logo, out, *edges = sys.argv[1:]
    pairs = (edge.split("=") for edge in edges)
    job = Job(
        source=Path(source),
        logo=Path(logo),
        out_dir=Path(out),
        long_edges_px={name: int(pixels) for name, pixels in pairs},
    )
    if design == "naive":
        from bench import naive  # noqa: PLC0415

        naive.make(job)()
    else:
        from bench import ours  # noqa: PLC0415
        from processor.types import Tier  # noqa: PLC0415

        ours.make(job, Tier(design))()


if __name__ == "__main__":
    main()
