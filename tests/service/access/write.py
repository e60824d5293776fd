"""Brings the table of docs/security.md up to date: `python -m tests.service.access.write`."""

import re
from pathlib import Path

from tests.service.access.rules import table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "security.md"
_BLOCK = re.compile(r"(<!-- made by tests/service/access/rules\.py -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Rewrites what stands between the marks."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(lambda found: f"{found[1]}{table()}\n{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
