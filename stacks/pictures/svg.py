"""The few shapes that the pictures are made of."""

from collections.abc import Sequence
from html import escape

FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
Point = tuple[float, float]


class Drawing:
    """An SVG document that grows by shapes, later ones on top."""

    def __init__(self, width: float, height: float, title: str) -> None:
        self._size = (width, height)
        self._title = title
        self._shapes: list[str] = []

    def box(self, corner: Point, size: Point, *, fill: str, stroke: str = "none", dashed: bool = False) -> None:
        """A rectangle with rounded corners."""
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self._shapes.append(
            f'<rect x="{corner[0]:g}" y="{corner[1]:g}" width="{size[0]:g}" height="{size[1]:g}" rx="8" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="1.5"{dash}/>'
        )

    def text(
        self, place: Point, words: str, *, size: float = 12, colour: str = "#1f2933", bold: bool = False,
        anchor: str = "start",
    ) -> None:  # fmt: skip
        """One line of text; the place is its baseline."""
        weight = ' font-weight="600"' if bold else ""
        self._shapes.append(
            f'<text x="{place[0]:g}" y="{place[1]:g}" font-size="{size:g}" fill="{colour}" '
            f'text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )

    def arrow(self, points: Sequence[Point], *, colour: str, dashed: bool = False) -> None:
        """A line with corners that ends in an arrowhead."""
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._shapes.append(
            f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"{dash} '
            f'marker-end="url(#head-{colour[1:]})"/>'
        )

    def tag(self, centre: Point, words: str, *, colour: str) -> None:
        """A short label that covers the line below it."""
        width = 7.2 * len(words) + 8
        self._shapes.append(
            f'<rect x="{centre[0] - width / 2:g}" y="{centre[1] - 9:g}" width="{width:g}" height="18" rx="4" '
            f'fill="#ffffff" stroke="{colour}" stroke-width="1"/>'
        )
        self.text((centre[0], centre[1] + 4), words, size=11, colour=colour, bold=True, anchor="middle")

    def render(self, arrow_colours: Sequence[str]) -> str:
        """The document."""
        width, height = self._size
        heads = "".join(
            f'<marker id="head-{colour[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="{colour}"/></marker>'
            for colour in arrow_colours
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
                f'height="{height:g}" role="img" font-family="{escape(FONT)}">',
                f"<title>{escape(self._title)}</title>",
                f"<defs>{heads}</defs>",
                f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>',
                *self._shapes,
                "</svg>\n",
            ]
        )
