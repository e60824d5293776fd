"""Pages with prose that people write, and between marks what a run found. Figures are kept beside them."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, DATA = DOCS / "reliability.md", DOCS / "reliability.json"
CHAOS, EVIDENCE = "chaos", "evidence"
"""Commands that fill pages."""


def fresh(text: str, blocks: Mapping[str, str], *, by: str = CHAOS) -> str:
    """The page with these blocks; what stands outside of marks, and blocks that were not made, are kept."""
    return _block(by).sub(
        lambda found: f"{found[1]}\n\n{blocks[found[2]]}\n\n{found[3]}" if found[2] in blocks else found[0], text
    )


def marked(text: str, *, by: str = CHAOS) -> list[str]:
    """Names of the blocks of a page, in its order."""
    return [found[2] for found in _block(by).finditer(text)]


def _block(by: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- made by make {by}: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]], *, right: Collection[int] = ()) -> str:
    """A Markdown table; columns in `right` hold numbers."""
    head = tuple(head)
    rule = tuple("--:" if column in right else "---" for column in range(len(head)))
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *map(tuple, rows)))


def load(path: Path = DATA) -> dict[str, Any]:
    """The figures of a page, those of docs/reliability.md unless another is named."""
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures


def save(figures: Mapping[str, Any], path: Path) -> None:
    """Writes figures, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)
