"""Keeps the tables of docs/local-deploy.md as the code has them. `python -m local.rehearsal.page`."""

import re
import sys
from collections import Counter
from collections.abc import Iterator

from local.aws.endpoints import ROOT
from local.rehearsal.containers import DIFFERENCES
from local.rehearsal.coverage import COVERAGE, Extent

PAGE = ROOT / "docs" / "local-deploy.md"
_BLOCK = re.compile(r"(<!-- made by make local-docs: ([a-z-]+) -->).*?(<!-- end -->)", re.DOTALL)


def fresh(text: str) -> str:
    """The page as it should be; what stands outside its marked blocks is kept."""
    blocks = {"types": "\n".join(_types()), "differences": "\n".join(_differences())}
    return _BLOCK.sub(lambda block: f"{block[1]}\n\n{blocks[block[2]]}\n\n{block[3]}", text)


def main() -> int:
    """Writes the page."""
    PAGE.write_text(fresh(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def _types() -> Iterator[str]:
    count = Counter({extent: sum(len(each.types) for each in COVERAGE if each.extent is extent) for extent in Extent})
    yield ", ".join(f"**{extent}** {count[extent]} types" for extent in Extent) + "."
    yield ""
    yield "| types | here | what does the job | proves | cannot prove |"
    yield "|---|---|---|---|---|"
    for each in COVERAGE:
        types = ", ".join(f"`{name}`" for name in each.types)
        yield f"| {types} | {each.extent} | {each.here} | {each.proves} | {each.leaves_open} |"


def _differences() -> Iterator[str]:
    yield "| in the definition | in the container | why |"
    yield "|---|---|---|"
    for name, (instead, why) in DIFFERENCES.items():
        yield f"| {name} | {instead} | {why} |"


if __name__ == "__main__":
    sys.exit(main())
