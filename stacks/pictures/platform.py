"""The platform as a picture: frames are stacks, cards are parts, arrows are what their permissions let them do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stacks.pictures.network import INBOUND, INK, INSIDE, LINE, OUTBOUND, SOFT, STORAGE, PictureError
from stacks.pictures.platform_facts import CUSTOMERS, ON_CALL, Flow, PlatformFacts
from stacks.pictures.svg import Drawing, Point

WIDTH, HEIGHT = 1352, 868
CARD = (236.0, 66.0)
LEFT, MIDDLE, RIGHT = 216.0, 556.0, 1004.0
FRAMES: Mapping[str, tuple[float, float, float, float, str]] = {
    "Web": (200, 96, 616, 130, "#e8f1fc"),
    "Messaging": (200, 262, 616, 130, "#fdf3e3"),
    "Workers": (200, 428, 616, 252, "#e7f5f2"),
    "Data": (984, 96, 276, 584, "#f3effc"),
    "Observability": (200, 748, 616, 96, "#f4f6f8"),
}
"""Left, top, width, height and colour of each stack's frame."""
CARDS: Mapping[str, tuple[float, float, str]] = {
    "load balancer": (LEFT, 136, "Load balancer, firewall"),
    "web": (MIDDLE, 136, "Web tasks"),
    "dead letters": (LEFT, 302, "Dead-letter queue"),
    "job queue": (MIDDLE, 302, "Job queue"),
    "burst function": (LEFT, 474, "Burst function"),
    "maintenance": (LEFT, 574, "Maintenance tasks"),
    "worker": (MIDDLE, 474, "Worker tasks"),
    "burst": (MIDDLE, 574, "Burst tasks"),
    "database": (RIGHT, 136, "PostgreSQL"),
    "session store": (RIGHT, 232, "Redis"),
    "vault": (RIGHT, 336, "Vault: originals"),
    "results": (RIGHT, 440, "Results"),
    "uploads": (RIGHT, 560, "Uploads"),
    "alarm topic": (MIDDLE, 766, "Alarms"),
}
"""Left, top and title of each part's card."""
PEOPLE: Mapping[str, tuple[float, float, str]] = {CUSTOMERS: (96, 584, "Customers"), ON_CALL: (748, 96, "On call")}
"""Top, height and title of the people, who stand at the left edge."""
WORKERS = "workers"
"""Worker and burst tasks together: they have one role, and do the same."""
MEMBERS = {"worker": WORKERS, "burst": WORKERS}
_GROUP = (544.0, 460.0, 260.0, 192.0)


@dataclass(frozen=True, kw_only=True)
class Lane:
    """How an arrow runs, and where its words stand."""

    points: Sequence[Point]
    words_at: Point
    colour: str


LANES: Mapping[tuple[str, str], Lane] = {
    (CUSTOMERS, "load balancer"): Lane(points=[(146, 169), (215, 169)], words_at=(181, 150), colour=INBOUND),
    ("load balancer", "web"): Lane(points=[(452, 169), (555, 169)], words_at=(500, 169), colour=INBOUND),
    ("web", "job queue"): Lane(points=[(674, 202), (674, 301)], words_at=(674, 246), colour=OUTBOUND),
    ("web", "database"): Lane(points=[(792, 152), (1003, 152)], words_at=(908, 152), colour=INSIDE),
    ("web", "session store"): Lane(
        points=[(792, 184), (950, 184), (950, 265), (1003, 265)], words_at=(950, 232), colour=INSIDE
    ),
    ("uploads", "web"): Lane(
        points=[(1004, 578), (834, 578), (834, 196), (793, 196)], words_at=(834, 300), colour=STORAGE
    ),
    ("dead letters", "web"): Lane(points=[(438, 302), (438, 250), (600, 250), (600, 203)], words_at=(519, 250),
                                  colour=OUTBOUND),
    ("job queue", "dead letters"): Lane(points=[(556, 318), (453, 318)], words_at=(504, 318), colour=OUTBOUND),
    ("job queue", WORKERS): Lane(points=[(674, 368), (674, 459)], words_at=(674, 412), colour=OUTBOUND),
    ("job queue", "burst function"): Lane(
        points=[(600, 368), (600, 410), (432, 410), (432, 473)], words_at=(560, 410), colour=OUTBOUND
    ),
    (WORKERS, "dead letters"): Lane(
        points=[(544, 492), (516, 492), (516, 352), (453, 352)], words_at=(516, 382), colour=OUTBOUND
    ),
    ("burst function", "burst"): Lane(
        points=[(452, 507), (496, 507), (496, 607), (555, 607)], words_at=(496, 548), colour=OUTBOUND
    ),
    ("dead letters", "maintenance"): Lane(
        points=[(216, 335), (180, 335), (180, 607), (215, 607)], words_at=(180, 470), colour=OUTBOUND
    ),
    ("maintenance", "job queue"): Lane(
        points=[(452, 590), (474, 590), (474, 338), (555, 338)], words_at=(474, 446), colour=OUTBOUND
    ),
    ("maintenance", "database"): Lane(
        points=[(334, 640), (334, 666), (968, 666), (968, 190), (1003, 190)], words_at=(900, 666), colour=INSIDE
    ),
    (WORKERS, "database"): Lane(
        points=[(804, 552), (866, 552), (866, 171), (1003, 171)], words_at=(866, 420), colour=INSIDE
    ),
    (WORKERS, "vault"): Lane(
        points=[(804, 524), (900, 524), (900, 369), (1003, 369)], words_at=(930, 369), colour=STORAGE
    ),
    (WORKERS, "results"): Lane(points=[(804, 488), (1003, 488)], words_at=(918, 488), colour=STORAGE),
    ("uploads", WORKERS): Lane(points=[(1004, 606), (805, 606)], words_at=(918, 606), colour=STORAGE),
    (CUSTOMERS, "uploads"): Lane(points=[(120, 680), (120, 704), (1122, 704), (1122, 627)], words_at=(560, 704),
                                 colour=INBOUND),
    ("results", CUSTOMERS): Lane(
        points=[(1240, 473), (1300, 473), (1300, 726), (60, 726), (60, 681)], words_at=(560, 726), colour=INBOUND
    ),
    ("alarm topic", ON_CALL): Lane(points=[(556, 799), (147, 799)], words_at=(356, 799), colour=OUTBOUND),
}  # fmt: skip


def draw(facts: PlatformFacts) -> str:
    """The picture as an SVG document.

    Raises:
        PictureError: a part or a flow has no place in the picture yet.
    """
    drawing = Drawing(WIDTH, HEIGHT, f"The platform of {facts.environment}")
    drawing.text((24, 40), f"The platform of {facts.environment}", size=22, bold=True)
    drawing.text(
        (24, 64), "Drawn from the synthesized templates: an arrow is a permission that its part has.", colour=SOFT
    )
    _frames(drawing, facts)
    lanes = [(_lane(*pair), words) for pair, words in _arrows(facts.flows).items()]
    for lane, _ in lanes:
        drawing.arrow(lane.points, colour=lane.colour)
    for lane, words in lanes:
        drawing.tag(lane.words_at, ", ".join(words), colour=lane.colour)
    _cards(drawing, facts)
    _legend(drawing)
    return drawing.render((INBOUND, INSIDE, OUTBOUND, STORAGE))


def _lane(source: str, target: str) -> Lane:
    lane = LANES.get((source, target))
    if lane is None:
        raise PictureError(f"{source} to {target}: give it a lane in LANES of stacks/pictures/platform.py")
    return lane


def _arrows(flows: Sequence[Flow]) -> dict[tuple[str, str], list[str]]:
    """Words by arrow. Workers of both kinds share theirs; what goes both ways is one arrow, in the way of its lane."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for source, target, word in flows:
        # The function starts tasks of one kind.
        grouped = (source, target) if source == "burst function" else _grouped(source, target)
        pair = grouped if grouped in LANES or grouped[::-1] not in LANES else grouped[::-1]
        words = arrows.setdefault(pair, [])
        named = "returns" if pair == ("job queue", WORKERS) and word == "sends" else word
        if named not in words:
            words.append(named)
    return arrows


def _grouped(source: str, target: str) -> tuple[str, str]:
    return MEMBERS.get(source, source), MEMBERS.get(target, target)


def _frames(drawing: Drawing, facts: PlatformFacts) -> None:
    for name, (x, y, width, height, fill) in FRAMES.items():
        drawing.box((x, y), (width, height), fill=fill, stroke=LINE)
        drawing.text((x + 16, y + 26), name, size=14, bold=True)
        protected, kinds = facts.stacks[name]
        words = f"{kinds.total()} resources{', protected' if protected else ''}"
        drawing.text((x + 22 + 8.6 * len(name) + 4, y + 26), words, colour=SOFT)
    x, y, width, height = _GROUP
    drawing.box((x, y), (width, height), fill="none", stroke=INSIDE, dashed=True)
    for top, height, title in PEOPLE.values():
        drawing.box((24, top), (122, height), fill="#ffffff", stroke=INK)
        drawing.text((85, top + height / 2 + 4), title, size=14, bold=True, anchor="middle")


def _cards(drawing: Drawing, facts: PlatformFacts) -> None:
    missing = facts.words.keys() - CARDS.keys()
    if missing:
        raise PictureError(f"{', '.join(sorted(missing))}: give it a card in CARDS of stacks/pictures/platform.py")
    for part, words in facts.words.items():
        x, y, title = CARDS[part]
        drawing.box((x, y), CARD, fill="#ffffff", stroke=INK)
        drawing.text((x + CARD[0] / 2, y + 28), title, size=14, bold=True, anchor="middle")
        drawing.text((x + CARD[0] / 2, y + 48), words, size=11, colour=SOFT, anchor="middle")


def _legend(drawing: Drawing) -> None:
    for line, (colour, words) in enumerate(
        (
            (INBOUND, "customers: requests, and links that are signed for them"),
            (OUTBOUND, "messages, starts and news"),
            (STORAGE, "pictures"),
            (INSIDE, "rows, sessions and rate limits"),
        )
    ):
        y = 764 + 24 * line
        drawing.arrow([(864, y), (898, y)], colour=colour)
        drawing.text((908, y + 4), words, colour=SOFT)
