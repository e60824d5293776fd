"""Encoding: every format reads back as what was written, with profile and EXIF."""

import io

import numpy as np
import pytest
from PIL import Image

from processor.colour import icc_profile
from processor.encode import EXTENSION, available_formats, encode
from processor.errors import ImageError, Stage
from processor.recipe import Format, Rendition
from processor.types import ColourSpace
from tests.processor.pictures import photo, psnr_db


def encoded(kind: Format, **settings: object) -> bytes:
    rendition = Rendition.model_validate({"name": "r", "long_edge_px": 320, "format": kind} | settings)
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    return encode(photo(320, 213), rendition, icc_profile=icc_profile(ColourSpace.SRGB), exif=exif.tobytes())


@pytest.mark.parametrize("kind", available_formats())
def test_a_rendition_reads_back_in_its_format_with_profile_and_exif(kind: Format) -> None:
    with Image.open(io.BytesIO(encoded(kind))) as image:
        assert image.format == kind.name
        assert image.info["icc_profile"] == icc_profile(ColourSpace.SRGB)
        assert image.getexif()[0x010F] == "Maker"
        decoded = np.asarray(image.convert("RGB"))
    assert psnr_db(decoded, photo(320, 213)) >= 30


def test_png_loses_nothing_and_is_no_larger_than_the_default_compression() -> None:
    content = encoded(Format.PNG)
    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(np.asarray(image), photo(320, 213))


@pytest.mark.parametrize("kind", [kind for kind in available_formats() if kind is not Format.PNG])
def test_quality_decides_the_size(kind: Format) -> None:
    assert len(encoded(kind, quality=40)) < len(encoded(kind, quality=95))


def test_a_progressive_jpeg_is_progressive() -> None:
    with Image.open(io.BytesIO(encoded(Format.JPEG, progressive=True))) as image:
        assert image.info.get("progressive")


def test_every_format_has_an_extension_and_jpeg_and_png_can_always_be_written() -> None:
    assert set(EXTENSION) == set(Format)
    assert {Format.JPEG, Format.PNG} <= set(available_formats())


def test_what_the_format_cannot_hold_is_refused_with_the_renditions_name() -> None:
    strip = np.zeros((16, 70_000, 3), np.uint8)
    with pytest.raises(ImageError, match=r"^wide: jpeg encoder") as error:
        encode(strip, Rendition(name="wide", long_edge_px=16384), icc_profile=b"", exif=b"")
    assert error.value.stage is Stage.ENCODE
