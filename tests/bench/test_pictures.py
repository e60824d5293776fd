"""The README's picture and the console's are what the code draws today."""

import numpy as np
import pytest
from PIL import Image

from bench.pictures import CONTACT_SHEET, RECIPE_SAMPLE, contact_sheet, recipe_sample
from tests.processor.pictures import psnr_db

pytestmark = pytest.mark.docs


def test_the_readmes_picture_is_what_the_demo_makes() -> None:
    with Image.open(CONTACT_SHEET) as committed:
        drawn = contact_sheet()
        assert committed.size == drawn.size, "run `make pictures`"
        # Two processors round differently and the committed file is a JPEG; a changed scene or recipe is far below.
        assert psnr_db(np.asarray(committed), np.asarray(drawn)) >= 30, "the picture is outdated: run `make pictures`"


def test_the_picture_that_the_console_tries_recipes_on_is_what_the_processor_makes_today() -> None:
    with Image.open(RECIPE_SAMPLE) as committed:
        drawn = recipe_sample()
        assert committed.size == drawn.size, "run `make pictures`"
        assert psnr_db(np.asarray(committed), np.asarray(drawn)) >= 30, "the picture is outdated: run `make pictures`"
