"""Writes the examples of docs/review.md: comments on real changes. `python -m tests.stacks.review_page`."""

import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from app import wire
from audit.assembly import load_assembly
from audit.review.comment import MARKER, comment
from audit.review.compare import Review, compare
from stacks.assembly import write_assembly
from stacks.settings import load_settings
from tests.stacks.changes import CHANGES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "review.md"
_BLOCK = re.compile(r"(<!-- made by make review-docs: ([a-z ,-]+) -->).*?(<!-- end -->)", re.DOTALL)


def filled(text: str, review_of: Callable[[str], Review]) -> str:
    """The page with every marked block made anew from the changes that it names."""

    def fill(block: re.Match[str]) -> str:
        reviews = [review_of(name) for name in block[2].split(", ")]
        told = comment(reviews, base="main", head="my-change").removeprefix(f"{MARKER}\n").strip()
        return f"{block[1]}\n\n{told}\n\n{block[3]}"

    return _BLOCK.sub(fill, text)


def main() -> int:
    """Synthesize the changes that the page names and write what is said of them."""
    with tempfile.TemporaryDirectory() as folder:

        def review_of(name: str) -> Review:
            environment, change = CHANGES[name]
            base, head = Path(folder, environment), Path(folder, name)
            if not base.exists():
                write_assembly(load_settings(environment), wire, base)
            change(head)
            return compare(environment, load_assembly(base), load_assembly(head))

        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), review_of), encoding="utf-8")
    print("docs/review.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
