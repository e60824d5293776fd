"""Colour matrices and ICC profiles."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from processor.colour import camera_to_output, icc_profile, rgb_to_xyz
from processor.types import ColourSpace


@pytest.mark.parametrize("space", ColourSpace)
def test_profiles_open_and_name_their_space(space: ColourSpace) -> None:
    data = icc_profile(space)
    profile = ImageCms.ImageCmsProfile(BytesIO(data))
    name = ImageCms.getProfileDescription(profile).strip()
    assert name == {ColourSpace.SRGB: "sRGB", ColourSpace.DISPLAY_P3: "Display P3"}[space]
    assert len(data) < 1024
    assert int.from_bytes(data[:4], "big") == len(data)


def test_the_srgb_profile_means_what_pillows_own_means() -> None:
    levels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    ours = ImageCms.ImageCmsProfile(BytesIO(icc_profile(ColourSpace.SRGB)))
    converted = ImageCms.profileToProfile(Image.fromarray(levels), ours, ImageCms.createProfile("sRGB"))
    assert converted is not None
    assert np.abs(np.asarray(converted, np.int16) - levels).max() <= 1


def test_the_p3_profile_turns_srgb_into_what_the_matrix_says() -> None:
    levels = np.random.default_rng(2).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    p3 = ImageCms.ImageCmsProfile(BytesIO(icc_profile(ColourSpace.DISPLAY_P3)))
    converted = ImageCms.profileToProfile(Image.fromarray(levels), ImageCms.createProfile("sRGB"), p3)
    assert converted is not None
    x = levels / 255
    light = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    light = light @ camera_to_output(np.eye(3), ColourSpace.DISPLAY_P3).T
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(np.asarray(converted, np.float64) - expected).max() <= 1.5


def test_profiles_are_the_same_bytes_in_every_process() -> None:
    program = (
        "from processor.colour import *; import hashlib;"
        "print(hashlib.sha256(b''.join(map(icc_profile, ColourSpace))).hexdigest())"
    )
    runs = {subprocess.run([sys.executable, "-c", program], check=True, capture_output=True).stdout for _ in range(2)}
    assert len(runs) == 1


def test_srgb_primaries_give_the_matrix_of_the_standard() -> None:
    published = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    np.testing.assert_allclose(rgb_to_xyz(ColourSpace.SRGB), published, atol=1e-4)


@pytest.mark.parametrize("space", ColourSpace)
def test_neutral_stays_neutral(space: ColourSpace) -> None:
    camera = np.array([[1.6, -0.5, -0.1], [-0.2, 1.5, -0.3], [0.0, -0.6, 1.6]])
    np.testing.assert_allclose(camera_to_output(camera, space) @ np.ones(3), 1, atol=1e-9)
