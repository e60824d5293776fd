"""Ten thousand spoilt files: none hangs, escapes or harms another, and each ends with a verdict or a reason."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.hostile import campaign
from chaos.pages import table
from chaos.suites import Figures, Suite, Workshop, suite
from processor.batch.options import default_jobs
from processor.isolation.sandbox import protection

SEED = 1
FILES = {"full": 10_000, "small": 300}
CAMERA_RAWS = "RAWMILL_CAMERA_RAWS"
_MOST_NAMED = 20
_NEVER = {
    "hangs": "files that were not done in time",
    "unaccounted": "files without a result",
    "beyond_memory": "files whose process had more memory than it was granted",
    "escapes": "traces of a decoder outside of its folder",
    "left_over": "processes and files that remained",
    "unforeseen": "files that our own code did not expect",
}


@suite
class Hostile(Suite):
    """Spoilt files through the processor as it is."""

    name = "hostile"
    order = 4

    def cases(self) -> Sequence[str]:
        return ["spoilt files"]

    def run(self, workshop: Workshop) -> Figures:
        folder = os.environ.get(CAMERA_RAWS)
        began_s = time.monotonic()
        tally = campaign.run(
            workshop.folder,
            files=FILES[workshop.size.name],
            seed=SEED,
            camera_raws=Path(folder) if folder else None,
            jobs=default_jobs(),
            tell=workshop.tell,
        )
        return {
            "files": tally.files,
            "seed": SEED,
            "camera_raws": bool(folder),
            "seconds": round(time.monotonic() - began_s, 1),
            "reasons": dict(tally.reasons.most_common()),
            "crashed": tally.crashed[:_MOST_NAMED],
            "crashes": len(tally.crashed),
            "hangs": tally.hangs,
            "unaccounted": tally.unaccounted,
            "beyond_memory": tally.beyond_memory,
            "escapes": tally.escapes,
            "left_over": tally.left_over,
            "unforeseen": len(tally.unforeseen),
            "unforeseen_named": tally.unforeseen[:_MOST_NAMED],
            "not_isolated": list(protection().missing),
        }

    def show(self, figures: Figures, console: Console) -> None:
        shown = Table(title="Spoilt files")
        for head in ("what", "files"):
            shown.add_column(head, justify="right" if head == "files" else "left")
        for row in _rows(figures):
            shown.add_row(*row)
        console.print(shown)
        for sentence in figures["not_isolated"]:
            console.print(f"not isolated: {sentence}", soft_wrap=True, highlight=False)
        for crash in figures["crashed"]:
            console.print(f"crashed, contained: {crash}", soft_wrap=True, highlight=False, markup=False)

    def broken(self, figures: Figures) -> list[str]:
        broken = [f"hostile: {figures[name]} {what}" for name, what in _NEVER.items() if figures[name]]
        return broken + [f"hostile: {named}" for named in figures["unforeseen_named"]]

    def blocks(self, figures: Figures) -> Mapping[str, str]:
        return {"hostile": table(("what", "files"), _rows(figures), right=(1,))}


def _rows(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("spoilt files", f"{figures['files']:,}")]
    rows += [(f"ended as `{reason}`", f"{number:,}") for reason, number in figures["reasons"].items()]
    rows.append(("crashed their own decoder, and nothing else", f"{figures['crashes']:,}"))
    return rows + [(f"{what}", f"{figures[name]:,}") for name, what in _NEVER.items()]
