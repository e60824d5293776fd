"""The licences of everything in an image, as a page; and the two things that must not be in it."""

import re
from collections.abc import Iterator
from pathlib import Path

from image.errors import ImageError, ImageReason
from image.inside import Content, Contents

# The strong copyleft licences, and not the GNU Lesser one.
_STRONG = re.compile(r"\bA?GPL|(?<!Lesser )(?<!or )General Public", re.IGNORECASE)


def refused(contents: Contents) -> Iterator[str]:
    """What cannot be shipped: a sentence each."""
    for each in (*contents.packages, *contents.native):
        if not each.licence:
            yield f"{each.name} {each.version} names no licence"
        elif _STRONG.search(each.licence) and " OR " not in each.licence:
            yield f"{each.name} {each.version} is under {each.licence}: its terms would reach the whole service"


def write_licences(contents: Contents, folder: Path) -> Path:
    """Write licences.md; returns its path.

    Raises:
        ImageError: something has no licence, or one that cannot be kept.
    """
    faults = list(refused(contents))
    if faults:
        raise ImageError(ImageReason.LICENCE_REFUSED, "; ".join(faults))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "licences.md"
    parts = [
        "# Licences in the container image",
        "## Python packages",
        _table(("package", "version", "licence"), contents.packages),
        "## Python, and libraries inside the packages",
        _table(("library", "version", "licence", "inside"), contents.native),
        "## Debian packages",
        "Their licences are in the image: `/usr/share/doc/NAME/copyright`.",
        ", ".join(f"`{name}`" for name in contents.system),
    ]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


def _table(head: tuple[str, ...], rows: tuple[Content, ...]) -> str:
    def cells(each: Content) -> list[str]:
        return [each.name, each.version or "–", each.licence, each.inside][: len(head)]

    lines = [list(head), ["---"] * len(head), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
