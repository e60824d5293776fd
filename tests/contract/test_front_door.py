"""The Makefile and its parts are one file to make: what one of them says holds in all of them."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_variable_has_two_defaults() -> None:
    """The first `?=` wins in silence: `make image` once named the image after the default of `make deploy-local`."""
    parts = (ROOT / "Makefile", *sorted((ROOT / "make").glob("*.mk")))
    assert len(parts) > 5
    set_in = Counter(
        name
        for part in parts
        for name in re.findall(r"^([A-Z_]+) *[?:]?=", part.read_text(encoding="utf-8"), re.MULTILINE)
    )
    twice = [name for name, times in set_in.items() if times > 1]
    assert twice == [], "rename one, or give it a value for its own target alone: `target: NAME = value`"
