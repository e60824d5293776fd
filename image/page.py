"""Keeps the table of docs/image.md as a built image has it."""

import re
from pathlib import Path

from image.bill import Bill

PAGE = Path(__file__).resolve().parents[1] / "docs" / "image.md"
_BLOCK = re.compile(r"(<!-- made by make image-docs -->).*?(<!-- end -->)", re.DOTALL)
_HEAD = ("part", "version", "MB", "MB packed")


def fresh(text: str, bill: Bill) -> str:
    """The page as it should be; what stands outside its marked block is kept."""
    *rows, total = bill.table()
    lines = [_HEAD, ("---", "---", "--:", "--:"), *rows, tuple(f"**{cell}**" if cell else "" for cell in total)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    said = f"Built for {bill.architecture}:"
    return _BLOCK.sub(lambda block: f"{block[1]}\n\n{said}\n\n{table}\n\n{block[2]}", text)


def stated_mb(text: str) -> tuple[float, float]:
    """What the page says the image takes: MB unpacked and packed."""
    found = re.search(r"^\| \*\*all\*\* \|.*?\| \*\*([\d.]+)\*\* \| \*\*([\d.]+)\*\* \|$", text, re.MULTILINE)
    if found is None:
        raise ValueError("docs/image.md has no row for the whole image: run `make image-docs`")
    return float(found[1]), float(found[2])
