"""Recipes: what to make of an original. Validated, frozen, and addressed by the digest of their content."""

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from processor.types import ColourSpace, Tier

RENDERING_VERSION = 1
"""Raised whenever the same original and recipe would give other pixels, so that nothing stale is taken for done."""

LOGO_FORMATS = ("PNG", "JPEG", "WEBP")
"""Pillow's other readers, one of which starts a program, are no business of whoever sends a recipe."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Format(StrEnum):
    """File formats of renditions."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"


class Position(StrEnum):
    """Where a logo stands; `tile` repeats it over the whole picture."""

    TOP_LEFT = "top-left"
    TOP = "top"
    TOP_RIGHT = "top-right"
    LEFT = "left"
    CENTRE = "centre"
    RIGHT = "right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM = "bottom"
    BOTTOM_RIGHT = "bottom-right"
    TILE = "tile"


class Blur(_Strict):
    """Gaussian blur. `radius_px` is the standard deviation in pixels of the rendition."""

    kind: Literal["blur"] = "blur"
    radius_px: float = Field(gt=0, le=100)


class Unsharp(_Strict):
    """Unsharp mask: pixels + amount × (pixels - blurred), where the difference exceeds the threshold (of 255)."""

    kind: Literal["unsharp"] = "unsharp"
    radius_px: float = Field(default=2.0, gt=0, le=100)
    amount_percent: float = Field(default=100, ge=0, le=500)
    threshold: int = Field(default=0, ge=0, le=255)


class CustomFilter(_Strict):
    """A filter that was registered under a name; `params` go to it as keyword arguments."""

    kind: Literal["custom"] = "custom"
    name: Name
    params: dict[str, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("params")
    @classmethod
    def _numbers_fit(cls, params: dict[str, str | int | float | bool]) -> dict[str, str | int | float | bool]:
        if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in params.values()):
            raise ValueError("whole numbers have 64 bits at most")
        return params


Filter = Annotated[Blur | Unsharp | CustomFilter, Field(discriminator="kind")]


class Watermark(_Strict):
    """A logo over every rendition.

    Attributes:
        logo: a PNG (usually, with alpha), JPEG or WebP file; relative paths start at the recipe's folder.
        opacity: 0 invisible to 1 as drawn.
        scale: the logo's long edge as a share of the rendition's short edge.
        margin: distance from the edges (or between tiles) as a share of the rendition's short edge.
    """

    logo: Annotated[Path, Field(strict=False)]
    opacity: float = Field(default=0.5, ge=0, le=1)
    position: Annotated[Position, Field(strict=False)] = Position.BOTTOM_RIGHT
    scale: float = Field(default=0.2, gt=0, le=1)
    margin: float = Field(default=0.03, ge=0, le=0.5)


class Rendition(_Strict):
    """One output picture. Never upscaled: a smaller original keeps its size."""

    name: Name
    long_edge_px: int = Field(ge=16, le=16384)
    format: Annotated[Format, Field(strict=False)] = Format.JPEG
    quality: int = Field(default=90, ge=1, le=100)
    """Encoder quality for JPEG, WebP and AVIF; PNG is lossless and ignores it."""
    progressive: bool = False
    filters: Annotated[tuple[Filter, ...], Field(strict=False, max_length=8)] | None = None
    """Filters of this rendition in their order; None takes the recipe's."""
    watermark: bool = True
    """False leaves this rendition without the recipe's watermark."""


class Recipe(_Strict):
    """What to make: colour, privacy, filters, watermark and the renditions."""

    name: Name = "custom"
    tier: Annotated[Tier, Field(strict=False)] = Tier.STANDARD
    colour_space: Annotated[ColourSpace, Field(strict=False)] = ColourSpace.SRGB
    keep_exif: bool = True
    private: bool = False
    """True removes GPS positions, serial numbers and owner names from the renditions' EXIF."""
    filters: Annotated[tuple[Filter, ...], Field(strict=False, max_length=8)] = ()
    watermark: Watermark | None = None
    renditions: Annotated[tuple[Rendition, ...], Field(strict=False, min_length=1, max_length=16)]

    @field_validator("renditions")
    @classmethod
    def _names_differ(cls, renditions: tuple[Rendition, ...]) -> tuple[Rendition, ...]:
        names = [rendition.name for rendition in renditions]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two renditions are named {', '.join(map(repr, twice))}; each needs a name of its own")
        return renditions

    @model_validator(mode="after")
    def _private_needs_no_exif(self) -> Self:
        if self.private and not self.keep_exif:
            raise ValueError("private = true has nothing to remove when keep_exif = false; leave one of them out")
        return self

    @property
    def longest_edge_px(self) -> int:
        """The long edge of the largest rendition."""
        return max(rendition.long_edge_px for rendition in self.renditions)

    def filters_of(self, rendition: Rendition) -> tuple[Filter, ...]:
        """The filters that apply to one rendition: its own, else the recipe's."""
        return self.filters if rendition.filters is None else rendition.filters

    def digest(self) -> str:
        """Hex SHA-256 over everything that decides the pixels: settings, the logo's bytes, the rendering version.

        Raises:
            OSError: the logo cannot be read.
        """
        settings = self.model_dump(mode="json", exclude={"name"})
        if self.watermark is not None:
            settings["watermark"]["logo"] = hashlib.sha256(self.watermark.logo.read_bytes()).hexdigest()
        settings["rendering_version"] = RENDERING_VERSION
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
