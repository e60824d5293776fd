"""Moods: the time of day, the weather and the season of a photo, as colours and numbers."""

from dataclasses import dataclass, replace
from typing import Final

from processor.sample.noise import generator

Colour = tuple[float, float, float]
"""sRGB, 0 to 255."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mood:
    """What sets one photo apart from another.

    Attributes:
        taken: local date and time of the shot, as EXIF writes it.
        zenith, horizon: the sky's colours.
        haze: what distant land fades to; haze_strength: how much, 0 to 1.
        glow: the light around the sun; sun_at: its place in the frame (0 to 1 across, 0 to 1 from horizon to top).
        cloud_lit, cloud_shade, cover: clouds and how much of the sky they take, 0 to 1.
        rock, meadow, forest: land in full light.
        light: brightness of the land; warmth: its tint.
        snow: height above which peaks are white, as a share of the ridge's height (1 none).
        lamps: whether windows are lit.
    """

    taken: str
    zenith: Colour
    horizon: Colour
    haze: Colour
    haze_strength: float
    glow: Colour
    sun_at: tuple[float, float]
    cloud_lit: Colour
    cloud_shade: Colour
    cover: float
    rock: Colour = (128, 118, 110)
    meadow: Colour = (98, 122, 52)
    forest: Colour = (44, 66, 40)
    light: float = 1.0
    warmth: Colour = (1.0, 1.0, 1.0)
    snow: float = 0.55
    lamps: bool = False


_GOLDEN: Final = Mood(
    taken="2026:07:18 19:42:08",
    zenith=(66, 104, 158),
    horizon=(250, 205, 150),
    haze=(196, 172, 180),
    haze_strength=0.72,
    glow=(255, 226, 160),
    sun_at=(0.30, 0.16),
    cloud_lit=(255, 214, 170),
    cloud_shade=(150, 126, 146),
    cover=0.42,
    light=0.92,
    warmth=(1.12, 0.98, 0.82),
)
_MIDDAY: Final = Mood(
    taken="2026:06:21 12:17:31",
    zenith=(48, 108, 186),
    horizon=(178, 210, 234),
    haze=(176, 200, 222),
    haze_strength=0.62,
    glow=(255, 252, 240),
    sun_at=(0.72, 1.3),
    cloud_lit=(250, 250, 250),
    cloud_shade=(176, 188, 204),
    cover=0.45,
    light=1.08,
    snow=0.5,
)
_DAWN: Final = Mood(
    taken="2026:05:09 05:26:54",
    zenith=(94, 122, 172),
    horizon=(248, 196, 190),
    haze=(222, 188, 200),
    haze_strength=0.92,
    glow=(255, 220, 206),
    sun_at=(0.62, 0.05),
    cloud_lit=(252, 190, 186),
    cloud_shade=(146, 138, 172),
    cover=0.38,
    forest=(42, 58, 54),
    light=0.84,
    warmth=(1.05, 0.96, 1.02),
)
_BLUE_HOUR: Final = Mood(
    taken="2026:08:02 21:31:20",
    zenith=(22, 34, 82),
    horizon=(206, 142, 132),
    haze=(104, 98, 138),
    haze_strength=0.75,
    glow=(246, 170, 120),
    sun_at=(0.22, -0.03),
    cloud_lit=(196, 120, 128),
    cloud_shade=(52, 56, 100),
    cover=0.34,
    light=0.48,
    warmth=(0.88, 0.94, 1.2),
    lamps=True,
)
_AUTUMN: Final = Mood(
    taken="2026:10:14 16:05:43",
    zenith=(72, 124, 178),
    horizon=(214, 220, 214),
    haze=(196, 200, 200),
    haze_strength=0.66,
    glow=(255, 240, 200),
    sun_at=(0.82, 0.7),
    cloud_lit=(248, 242, 232),
    cloud_shade=(170, 174, 186),
    cover=0.3,
    meadow=(150, 128, 56),
    forest=(126, 82, 34),
    light=1.0,
    warmth=(1.06, 1.0, 0.9),
    snow=0.72,
)
_STORM: Final = Mood(
    taken="2026:09:05 14:48:12",
    zenith=(74, 90, 104),
    horizon=(190, 200, 198),
    haze=(146, 160, 164),
    haze_strength=0.85,
    glow=(236, 236, 216),
    sun_at=(0.44, 0.35),
    cloud_lit=(206, 210, 208),
    cloud_shade=(72, 82, 94),
    cover=0.72,
    meadow=(84, 108, 62),
    light=0.78,
    warmth=(0.95, 1.0, 1.02),
    snow=0.8,
)
_WINTER: Final = Mood(
    taken="2026:01:24 10:33:27",
    zenith=(84, 140, 200),
    horizon=(222, 230, 238),
    haze=(206, 216, 230),
    haze_strength=0.6,
    glow=(255, 246, 226),
    sun_at=(0.18, 0.6),
    cloud_lit=(252, 250, 248),
    cloud_shade=(188, 196, 214),
    cover=0.25,
    rock=(112, 116, 126),
    meadow=(214, 220, 228),
    forest=(58, 74, 72),
    light=1.02,
    warmth=(0.98, 1.0, 1.05),
    snow=0.1,
)

# Seed 1 is the first that anyone sees.
_MOODS: Final = (_WINTER, _GOLDEN, _MIDDAY, _BLUE_HOUR, _AUTUMN, _DAWN, _STORM)


def mood_of(seed: int) -> Mood:
    """The mood of a seed: seven by turns, each a little different every time it comes round."""
    mood = _MOODS[seed % len(_MOODS)]
    rng = generator(seed, 1)
    across, up = mood.sun_at
    return replace(
        mood,
        taken=f"{mood.taken[:-2]}{13 * seed % 60:02d}",
        sun_at=(across + rng.uniform(-0.06, 0.06), up),
        cover=mood.cover + rng.uniform(-0.05, 0.05),
        light=mood.light * rng.uniform(0.96, 1.04),
    )
