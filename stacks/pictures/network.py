"""The network as a picture: zones are columns, tiers are rows, flows are arrows."""

from collections.abc import Mapping
from dataclasses import dataclass

from stacks.pictures.facts import INTERNET, Facts
from stacks.pictures.svg import Drawing, Point

MARGIN = 24
LABELS_WIDTH = 216
COLUMN_WIDTH = 432
COLUMN_GAP = 20
S3_WIDTH = 196
S3_GAP = 92
TOP = 78
GATEWAY_Y = 150
FIRST_ROW_Y = 262
ROW_HEIGHT = 112
ROW_GAP = 92
CARD = (118.0, 46.0)

INBOUND, INSIDE, OUTBOUND, STORAGE = "#1d64c2", "#0b7a6f", "#b45309", "#7c3aed"
INK, SOFT, LINE = "#1f2933", "#5b6773", "#b8c2cc"
TIERS: dict[str, tuple[str, str]] = {
    "public": ("#e8f1fc", "Default route: internet gateway"),
    "private-app": ("#e7f5f2", "Default route: NAT gateway"),
    "private-db": ("#f3effc", "Default route: none"),
}
NAT = "nat"
CARDS: dict[str, tuple[str, int, str]] = {
    "load-balancer": ("public", 0, "Load balancer"),
    NAT: ("public", 2, "NAT gateway"),
    "web": ("private-app", 0, "Web"),
    "interface-endpoints": ("private-app", 1, "Endpoints"),
    "workers": ("private-app", 2, "Workers"),
    "session-store": ("private-db", 0, "Session store"),
    "database": ("private-db", 2, "Database"),
}
"""Where parties stand inside a zone: tier, place from left to right, words."""


class PictureError(Exception):
    """The template holds something that the picture has no place for."""


@dataclass(frozen=True)
class _Lane:
    """How a flow runs: shifts of its ends against the cards' middles, and where its label stands (0 to 1)."""

    start: float = 0
    end: float = 0
    bend: float = 0.5
    label: float = 0.5


LANES: Mapping[tuple[str, str], _Lane] = {
    ("load-balancer", "web"): _Lane(start=-26, end=-26),
    ("web", "session-store"): _Lane(start=-26, end=-26),
    ("web", "database"): _Lane(start=26, end=-26, bend=0.62, label=0.5),
    ("workers", "database"): _Lane(start=26, end=26),
    ("web", NAT): _Lane(start=26, end=-26, bend=0.46, label=0.5),
    ("workers", NAT): _Lane(start=26, end=26),
    ("web", "interface-endpoints"): _Lane(),
    ("workers", "interface-endpoints"): _Lane(),
}


def draw(facts: Facts) -> str:
    """The picture as an SVG document.

    Raises:
        PictureError: a flow or a tier has no place in the picture yet.
    """
    return _Picture(facts).render()


class _Picture:
    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        columns = len(facts.zones)
        self._inner = columns * COLUMN_WIDTH + (columns - 1) * COLUMN_GAP
        self._left = MARGIN + LABELS_WIDTH
        width = self._left + self._inner + S3_GAP + S3_WIDTH
        height = FIRST_ROW_Y + 3 * ROW_HEIGHT + 2 * ROW_GAP + 94
        title = f"Network of {facts.name}: {facts.cidr}"
        self._drawing = Drawing(width, height, title)
        self._width, self._height = width, height

    def render(self) -> str:
        self._frame()
        for tier in TIERS:
            self._tier(tier)
        self._s3()
        for letter in self._facts.zones:
            self._flows(letter)
        for letter in self._facts.zones:
            self._cards(letter)
        self._legend()
        return self._drawing.render((INBOUND, INSIDE, OUTBOUND, STORAGE))

    def _x(self, letter: str) -> float:
        return self._left + list(self._facts.zones).index(letter) * (COLUMN_WIDTH + COLUMN_GAP)

    @staticmethod
    def _y(tier: str) -> float:
        return FIRST_ROW_Y + list(TIERS).index(tier) * (ROW_HEIGHT + ROW_GAP)

    def _card(self, party: str, letter: str) -> Point:
        """The middle of a party's card."""
        tier, place, _ = CARDS[party]
        return self._x(letter) + 16 + CARD[0] / 2 + place * 141, self._y(tier) + 40 + CARD[1] / 2

    def _frame(self) -> None:
        facts, drawing = self._facts, self._drawing
        drawing.text((MARGIN, 38), f"Network of {facts.name}", size=22, bold=True)
        drawing.text(
            (MARGIN, 60), "Drawn from the synthesized template. A flow that is not drawn is not allowed.", colour=SOFT
        )
        drawing.box((self._left, TOP), (self._inner, 34), fill="#f4f6f8", stroke=LINE)
        drawing.text((self._left + self._inner / 2, TOP + 22), "Internet", size=14, bold=True, anchor="middle")
        bottom = self._y("private-db") + ROW_HEIGHT
        drawing.box(
            (MARGIN, GATEWAY_Y + 17), (LABELS_WIDTH + self._inner + MARGIN, bottom - GATEWAY_Y + 4), fill="none",
            stroke=INK,
        )  # fmt: skip
        drawing.text((MARGIN + 14, GATEWAY_Y + 42), "VPC", size=14, bold=True)
        drawing.text((MARGIN + 50, GATEWAY_Y + 42), facts.cidr, size=13, colour=SOFT)
        drawing.box((self._left, GATEWAY_Y), (self._inner, 34), fill="#ffffff", stroke=INK)
        drawing.text((self._left + self._inner / 2, GATEWAY_Y + 22), "Internet gateway", bold=True, anchor="middle")
        for letter, zone in facts.zones.items():
            middle = self._x(letter) + COLUMN_WIDTH / 2
            drawing.text((middle, FIRST_ROW_Y - 36), f"Zone {letter}", size=14, bold=True, anchor="middle")
            drawing.text((middle, FIRST_ROW_Y - 18), zone, colour=SOFT, anchor="middle")

    def _tier(self, tier: str) -> None:
        fill, route = TIERS[tier]
        y = self._y(tier)
        rules = self._facts.acls[tier]
        ingress, egress = (sum(rule.egress is direction for rule in rules) for direction in (False, True))
        self._drawing.text((MARGIN + 14, y + 34), tier, size=16, bold=True)
        self._drawing.text((MARGIN + 14, y + 56), route, colour=SOFT)
        self._drawing.text((MARGIN + 14, y + 74), f"Network ACL: {ingress} rules in, {egress} out", colour=SOFT)
        for letter in self._facts.zones:
            self._drawing.box((self._x(letter), y), (COLUMN_WIDTH, ROW_HEIGHT), fill=fill, stroke=LINE)
            # In the middle of the column, where no arrow enters a subnet.
            middle = self._x(letter) + COLUMN_WIDTH / 2
            self._drawing.text((middle - 6, y + 24), f"{tier}-{letter}", bold=True, anchor="end")
            self._drawing.text((middle + 6, y + 24), self._facts.subnets[tier, letter], colour=SOFT)

    def _cards(self, letter: str) -> None:
        for party, (_, _, words) in CARDS.items():
            if party == NAT and letter not in self._facts.nat_of.values():
                continue
            x, y = self._card(party, letter)
            self._drawing.box((x - CARD[0] / 2, y - CARD[1] / 2), CARD, fill="#ffffff", stroke=INK)
            self._drawing.text((x, y + 4), words, size=13, bold=True, anchor="middle")

    def _s3(self) -> None:
        x = self._left + self._inner + S3_GAP
        y = self._y("private-app")
        self._drawing.box((x, y), (S3_WIDTH - MARGIN, ROW_HEIGHT), fill="#faf8ff", stroke=STORAGE)
        self._drawing.text((x + 16, y + 34), "S3", size=16, bold=True)
        self._drawing.text((x + 16, y + 56), "Gateway endpoint in the", colour=SOFT)
        for line, words in enumerate(("route tables of", " and ".join(self._facts.s3_tiers))):
            self._drawing.text((x + 16, y + 72 + 16 * line), words, colour=SOFT, size=11 if line else 12)
        self._drawing.arrow([(x - S3_GAP, y + 62), (x - 1, y + 62)], colour=STORAGE)
        self._drawing.tag((x - S3_GAP / 2 + 8, y + 62), "443", colour=STORAGE)

    def _flows(self, letter: str) -> None:
        outward = {source for source, target, _ in self._facts.flows if target == INTERNET}
        inward: dict[str, list[int]] = {}
        for source, target, port in self._facts.flows:
            if source == INTERNET:
                inward.setdefault(target, []).append(port)
            elif target == INTERNET:
                self._flow(source, letter, NAT, self._facts.nat_of[letter], str(port), OUTBOUND)
            else:
                self._flow(source, letter, target, letter, str(port), INSIDE)
        for party, ports in inward.items():
            x, y = self._card(party, letter)
            top = y - CARD[1] / 2 - 1
            self._drawing.arrow([(x, TOP + 34), (x, top)], colour=INBOUND)
            self._drawing.tag((x, GATEWAY_Y + 62), ", ".join(map(str, sorted(ports, reverse=True))), colour=INBOUND)
        if outward and letter in self._facts.nat_of.values():
            x, y = self._card(NAT, letter)
            self._drawing.arrow([(x, y - CARD[1] / 2), (x, TOP + 35)], colour=OUTBOUND)
            self._drawing.tag((x, GATEWAY_Y + 62), "443", colour=OUTBOUND)

    def _flow(self, source: str, here: str, target: str, there: str, port: str, colour: str) -> None:  # noqa: PLR0917
        lane = LANES.get((source, target))
        if lane is None:
            raise PictureError(f"{source} to {target}: give it a lane in LANES of stacks/pictures/network.py")
        (x1, y1), (x2, y2) = self._card(source, here), self._card(target, there)
        if y1 == y2:
            side = 1 if x2 > x1 else -1
            start, end = x1 + side * CARD[0] / 2, x2 - side * (CARD[0] / 2 + 1)
            self._drawing.arrow([(start, y1), (end, y1)], colour=colour)
            self._drawing.text(((start + end) / 2, y1 - 7), port, size=10, colour=colour, bold=True, anchor="middle")
            return
        side = 1 if y2 > y1 else -1
        x1, x2 = x1 + lane.start, x2 + lane.end
        y1, y2 = y1 + side * CARD[1] / 2, y2 - side * (CARD[1] / 2 + 1)
        # Lines to another zone's gateway run beside those of the zones on their way.
        away = 0.3 if source == "web" else 0.7
        bend = y1 + (y2 - y1) * (lane.bend if here == there else away)
        points = [(x1, y1), (x2, y2)] if x1 == x2 else [(x1, y1), (x1, bend), (x2, bend), (x2, y2)]
        self._drawing.arrow(points, colour=colour)
        middle = bend if x1 != x2 else (y1 + y2) / 2
        label = lane.label if here == there else 0.1
        self._drawing.tag((x1 + (x2 - x1) * label, middle), port, colour=colour)

    def _legend(self) -> None:
        y = self._height - 34
        x: float = MARGIN
        for colour, words in (
            (INBOUND, "from the internet"),
            (INSIDE, "inside the VPC, in and across zones"),
            (OUTBOUND, "to the internet, through NAT"),
            (STORAGE, "web and workers to S3"),
        ):
            self._drawing.arrow([(x, y - 4), (x + 34, y - 4)], colour=colour)
            self._drawing.text((x + 42, y), words, colour=SOFT)
            x += 42 + 6.6 * len(words) + 34
        services = ", ".join(self._facts.endpoints)
        self._drawing.text((MARGIN, y + 22), f"Numbers are TCP ports. Endpoints: {services}.", colour=SOFT)
