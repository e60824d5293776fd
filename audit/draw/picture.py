"""Draws a scene: zones are columns, tiers are rows, flows are arrows that keep out of each other's way.

Between two rows lies a channel where lines run sideways, and at the right edge of each zone a shaft where they pass
rows. How wide those are follows from how many lines they hold.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from audit.draw.scene import INTERNET, Arrow, Scene, Spot
from audit.draw.tracks import Run, tracks

CARD_W, CARD_H, CARD_GAP = 148.0, 44.0, 40.0
ROW_PAD, LABELS, MARGIN = 34.0, 168.0, 20.0
TRACK, SHAFT, STRIP = 22.0, 16.0, 32.0
TOP = 74.0
_FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"
_STYLE = """
.page{fill:#ffffff}.ink{fill:#1f2933}.soft{fill:#55606b}.card{fill:#ffffff;stroke:#1f2933}.strip{fill:#eef1f4;stroke:#9aa5b1}
.tier0{fill:#e8f1fc;stroke:#b8c2cc}.tier1{fill:#e7f5f2;stroke:#b8c2cc}.tier2{fill:#f3effc;stroke:#b8c2cc}.bad{fill:#b42318}
.in{stroke:#1d64c2;fill:#1d64c2}.inside{stroke:#0b7a6f;fill:#0b7a6f}.out{stroke:#b45309;fill:#b45309}
.service{stroke:#7c3aed;fill:#7c3aed}.tag{fill:#ffffff}
@media(prefers-color-scheme:dark){
.page{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#a3adb8}.card{fill:#1c232c;stroke:#c9d1d9}.strip{fill:#1c232c;stroke:#5b6773}
.tier0{fill:#12233b;stroke:#3a4653}.tier1{fill:#0f2a26;stroke:#3a4653}.tier2{fill:#211a38;stroke:#3a4653}.bad{fill:#ff8b7e}
.in{stroke:#6cb0ff;fill:#6cb0ff}.inside{stroke:#4fd1c0;fill:#4fd1c0}.out{stroke:#f5a653;fill:#f5a653}
.service{stroke:#b99bff;fill:#b99bff}.tag{fill:#0d1117}}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round}.words{stroke:none}
"""
Point = tuple[float, float]


@dataclass
class _Line:
    """An arrow under construction: where it leaves and arrives, and which channels and shaft it takes."""

    arrow: Arrow
    start: Point = (0, 0)
    end: Point = (0, 0)
    leaves: int = 0
    arrives: int = 0
    shaft: bool = False


def draw(scene: Scene) -> str:
    """The picture as an SVG document."""
    return _Picture(scene).render()


class _Picture:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._shapes: list[str] = []
        rows: dict[tuple[int, str], list[Spot]] = defaultdict(list)
        for spot in sorted(scene.spots, key=self._order):
            rows[spot.tier, spot.zone].append(spot)
        self._rows = rows
        widest = max(map(len, rows.values()), default=1)
        self._lines = [_Line(arrow) for arrow in scene.arrows]
        for line in self._lines:
            self._choose(line)
        shafts = max(sum(line.shaft and line.arrow.source.zone == zone for line in self._lines) for zone in scene.zones)
        self._zone_w = 2 * MARGIN + widest * CARD_W + (widest - 1) * CARD_GAP + shafts * SHAFT
        self._width = MARGIN + LABELS + len(scene.zones) * (self._zone_w + MARGIN)
        self._cards_w = self._zone_w - shafts * SHAFT
        self._place()

    def _order(self, spot: Spot) -> tuple[float, str]:
        """Cards that talk to the outside stand at the edges, cards that are called by many in the middle."""
        calls = sum(arrow.source == spot for arrow in self._scene.arrows)
        called = sum(arrow.target == spot for arrow in self._scene.arrows)
        return (0 if called > calls and spot.tier else 1 if called > calls else 2), spot.name

    def _row_of(self, spot: Spot) -> int:
        """The row of a group: the internet is above all tiers, services below."""
        if spot.tier >= 0:
            return spot.tier
        return -1 if spot.name == INTERNET else len(self._scene.tiers)

    def _choose(self, line: _Line) -> None:
        """Channels are numbered by the row below them."""
        here, there = self._row_of(line.arrow.source), self._row_of(line.arrow.target)
        down = there > here
        line.leaves = here + 1 if down else here
        line.arrives = there if down or there == here else there + 1
        line.shaft = line.leaves != line.arrives and here >= 0 and there >= 0

    def _place(self) -> None:
        """Ends along the cards, then channels as high as they need to be, then everything's place."""
        self._x: dict[Spot, float] = {}
        for (_, zone), spots in self._rows.items():
            used = len(spots) * CARD_W + (len(spots) - 1) * CARD_GAP
            left = self._zone_x(zone) + (self._cards_w - used) / 2
            for index, spot in enumerate(spots):
                self._x[spot] = left + index * (CARD_W + CARD_GAP) + CARD_W / 2
        self._spread_ends()
        count = len(self._scene.tiers)
        self._track: dict[tuple[int, int], int] = {}
        self._channel_h = {}
        for channel in range(count + 1):
            runs = list(self._runs(channel))
            numbers = tracks(runs)
            self._track |= {(channel, name): number for name, number in numbers.items()}
            self._channel_h[channel] = 40 + TRACK * (max(numbers.values(), default=-1) + 1)
        y = TOP + STRIP
        self._row_y = {-1: TOP}
        for row in range(count):
            y += self._channel_h[row]
            self._row_y[row] = y
            y += CARD_H + ROW_PAD
        if self._scene.services:
            y += self._channel_h[count]
        self._row_y[count] = y
        self._bottom = y + (STRIP if self._scene.services else 0)

    def _spread_ends(self) -> None:
        """Lines at the same edge of a card side by side, in the order of where they go."""
        edges: dict[tuple[Spot, bool], list[tuple[float, int, bool]]] = defaultdict(list)
        for number, line in enumerate(self._lines):
            source, target = line.arrow.source, line.arrow.target
            here, there = self._row_of(source), self._row_of(target)
            to_x = self._shaft_x(number) if line.shaft else self._x.get(target, self._x.get(source, 0.0))
            from_x = self._shaft_x(number) if line.shaft else self._x.get(source, self._x.get(target, 0.0))
            edges[source, there > here].append((to_x, number, True))
            edges[target, there < here].append((from_x, number, False))
        for (spot, _), ends in edges.items():
            if spot not in self._x:
                continue
            step = min(30.0, (CARD_W - 16) / max(1, len(ends)))
            for index, (_, number, is_start) in enumerate(sorted(ends)):
                x = self._x[spot] + (index - (len(ends) - 1) / 2) * step
                line = self._lines[number]
                if is_start:
                    line.start = (x, 0)
                else:
                    line.end = (x, 0)
        for number, line in enumerate(self._lines):
            # The outside is a strip: lines meet it wherever they come along.
            if line.arrow.source not in self._x:
                line.start = line.end
            if line.arrow.target not in self._x:
                line.end = (self._shaft_x(number), 0) if line.shaft else line.start

    def _shaft_x(self, number: int) -> float:
        zone = self._lines[number].arrow.source.zone
        before = sum(line.shaft and line.arrow.source.zone == zone for line in self._lines[:number])
        return self._zone_x(zone) + self._cards_w - MARGIN / 2 + before * SHAFT

    def _runs(self, channel: int) -> Iterator[Run]:
        for number, line in enumerate(self._lines):
            stops: dict[int, list[float]] = {line.leaves: [line.start[0]]}
            stops.setdefault(line.arrives, []).append(line.end[0])
            if line.shaft:
                for places in stops.values():
                    places.append(self._shaft_x(number))
            places = stops.get(channel, [])
            if len(places) > 1 and min(places) != max(places):
                yield Run(number, min(places), max(places))

    def _zone_x(self, zone: str) -> float:
        return MARGIN + LABELS + self._scene.zones.index(zone) * (self._zone_w + MARGIN)

    def _track_y(self, channel: int, number: int) -> float:
        top = self._row_y[channel] - self._channel_h[channel]
        return top + 14 + TRACK * self._track.get((channel, number), 0)

    def render(self) -> str:
        scene = self._scene
        self._text((MARGIN, 34), scene.title, size=20, bold=True)
        drawn = (
            "Drawn from the proof. An arrow is a round trip that completes for every packet, also into every other zone"
        )
        self._text((MARGIN, 56), f"{drawn}. Numbers are TCP ports; what is not drawn does not complete.", css="soft")
        self._strip(-1, "internet")
        for row, tier in enumerate(scene.tiers):
            y = self._row_y[row]
            self._text((MARGIN, y + 24), tier.name, size=14, bold=True)
            self._text((MARGIN, y + 42), f"default route: {tier.route}", css="soft")
            for zone in scene.zones:
                self._rect(f"tier{min(row, 2)}", (self._zone_x(zone), y - 12), (self._zone_w, CARD_H + ROW_PAD))
                block = scene.blocks.get((row, zone), "no subnet")
                self._text((self._zone_x(zone) + 10, y + CARD_H + 16), f"{zone}  {block}", css="soft", size=11)
        if scene.services:
            self._strip(len(scene.tiers), f"{', '.join(scene.services)}, through the gateway endpoint")
        for number in range(len(self._lines)):
            self._line(number)
        for spot, count in scene.spots.items():
            self._card(spot, count)
        for number in range(len(self._lines)):
            self._tag(number)
        for index, words in enumerate(scene.caption):
            bad = words.startswith("Refuted")
            self._text((MARGIN, self._bottom + 30 + 18 * index), words, css="bad" if bad else "soft")
        height = self._bottom + 30 + 18 * len(scene.caption)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self._width:g} {height:g}" width="{self._width:g}" '
            f'height="{height:g}" role="img" font-family="{escape(_FONT)}">\n<title>{escape(scene.title)}</title>\n'
            f"<style>{_STYLE}</style>\n"
            f'<rect class="page" width="{self._width:g}" height="{height:g}"/>\n'
            + "\n".join(self._shapes)
            + "\n</svg>\n"
        )

    def _strip(self, row: int, words: str) -> None:
        left = MARGIN + LABELS
        size = (self._width - left - MARGIN, STRIP)
        self._rect("strip", (left, self._row_y[row]), size)
        self._text((left + size[0] / 2, self._row_y[row] + 21), words, size=14, bold=True, anchor="middle")

    def _points(self, number: int) -> list[Point]:
        line = self._lines[number]
        here, there = self._row_of(line.arrow.source), self._row_of(line.arrow.target)
        start = (line.start[0], self._edge(line.arrow.source, bottom=there > here))
        end = (line.end[0], self._edge(line.arrow.target, bottom=there < here))
        first, last = self._track_y(line.leaves, number), self._track_y(line.arrives, number)
        if line.shaft:
            x = self._shaft_x(number)
            middle = [(start[0], first), (x, first)]
            middle += [] if end[0] == x else [(x, last), (end[0], last)]
            return [start, *middle, end]
        return [start, end] if start[0] == end[0] else [start, (start[0], first), (end[0], first), end]

    def _edge(self, spot: Spot, *, bottom: bool) -> float:
        height = CARD_H if spot.tier >= 0 else STRIP
        return self._row_y[self._row_of(spot)] + (height if bottom else 0)

    def _css(self, arrow: Arrow) -> str:
        if arrow.source.name == INTERNET:
            return "in"
        if INTERNET in {arrow.target.name} or arrow.target.name == "NAT gateway":
            return "out"
        return "service" if arrow.target.tier < 0 else "inside"

    def _line(self, number: int) -> None:
        css, points = self._css(self._lines[number].arrow), self._points(number)
        (x, y), (_, before) = points[-1], points[-2]
        tip = 7 if y > before else -7
        path = " L".join(f"{a:g} {b:g}" for a, b in [*points[:-1], (x, y - tip)])
        self._shapes.append(f'<path class="{css} line" d="M{path}"/>')
        self._shapes.append(f'<path class="{css}" d="M{x:g} {y:g} l-4 {-tip:g} h8 z"/>')

    def _tag(self, number: int) -> None:
        """Ports, at the middle of the longest piece of the line."""
        arrow, points = self._lines[number].arrow, self._points(number)
        words = f"{arrow.ports} {arrow.note}".strip()
        pieces = list(pairwise(points))
        sideways = [piece for piece in pieces if piece[0][1] == piece[1][1]]
        (x1, y1), (x2, y2) = max(sideways or pieces, key=lambda piece: abs(piece[0][0] - piece[1][0]))
        width = 6.6 * len(words) + 8
        # At the middle, unless that would hide a line which passes there.
        places = [(x1 + (x2 - x1) * part, y1 + (y2 - y1) * part) for part in (0.5, 0.4, 0.6, 0.3, 0.7)]
        x, y = next((place for place in places if not self._hides(number, place, width)), places[0])
        css = self._css(arrow)
        self._rect("tag", (x - width / 2, y - 8), (width, 16), radius=4)
        self._text((x, y + 4), words, css=f"{css} words", size=11, bold=True, anchor="middle")

    def _hides(self, number: int, place: Point, width: float) -> bool:
        return any(
            other != number
            and a[0] == b[0]
            and abs(a[0] - place[0]) < width / 2
            and min(a[1], b[1]) < place[1] < max(a[1], b[1])
            for other in range(len(self._lines))
            for a, b in pairwise(self._points(other))
        )

    def _card(self, spot: Spot, count: int) -> None:
        x, y = self._x[spot], self._row_y[spot.tier]
        self._rect("card", (x - CARD_W / 2, y), (CARD_W, CARD_H))
        self._text((x, y + 19), spot.name, size=13, bold=True, anchor="middle")
        self._text((x, y + 35), f"{count} interface{'s' if count > 1 else ''}", css="soft", size=11, anchor="middle")

    def _rect(self, css: str, corner: Point, size: Point, *, radius: float = 7) -> None:
        self._shapes.append(
            f'<rect class="{css}" x="{corner[0]:g}" y="{corner[1]:g}" width="{size[0]:g}" height="{size[1]:g}" '
            f'rx="{radius:g}"/>'
        )

    def _text(
        self, place: Point, words: str, *, css: str = "ink", size: float = 12, bold: bool = False, anchor: str = "start"
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self._shapes.append(
            f'<text class="{css}" x="{place[0]:g}" y="{place[1]:g}" font-size="{size:g}" '
            f'text-anchor="{anchor}"{weight}>{escape(words)}</text>'
        )
