"""One original through all stages: the renditions are the picture, upright, tagged, and there whole or not at all."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from processor import encode, renditions
from processor.errors import ImageError, NeedsMemory, ReasonCode, Stage
from processor.limits import Limits
from processor.pipeline import develop
from processor.recipe import Blur, Format, Recipe, Rendition, Watermark
from processor.resize import resize, upright
from processor.result import ImageResult, Status
from processor.types import ColourSpace, DecodePath, Tier, Verdict
from tests.processor.conftest import MakeDng, Sample
from tests.processor.pictures import psnr_db

TWO = Recipe(renditions=(Rendition(name="web", long_edge_px=500, quality=95), Rendition(name="thumb", long_edge_px=96)))


def run(path: Path, out: Path, recipe: Recipe = TWO, **options: object) -> ImageResult:
    return develop(path, recipe, out, stem=path.stem, limits=Limits(), **options)  # type: ignore[arg-type]


def picture(out: Path, result: ImageResult, index: int = 0) -> np.ndarray:
    with Image.open(out / result.outputs[index].path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize("orientation", [1, 6, 3, 8])
def test_the_rendition_is_the_scene_upright_in_every_tier(
    make_dng: MakeDng, tmp_path: Path, tier: Tier, orientation: int
) -> None:
    sample = make_dng(width_px=1200, height_px=800, orientation=orientation, preview_px=600)
    result = run(sample.path, tmp_path, TWO.model_copy(update={"tier": tier}))
    developed = picture(tmp_path, result)
    scene = upright(sample.truth.render(), orientation)
    assert developed.shape == ((333, 500, 3) if orientation in {1, 3} else (500, 333, 3))
    assert psnr_db(developed, resize(scene, (developed.shape[1], developed.shape[0]))) >= 27


def test_one_decode_feeds_every_rendition_and_each_is_the_same_picture(sample_dng: Sample, tmp_path: Path) -> None:
    result = run(sample_dng.path, tmp_path)
    assert [output.rendition for output in result.outputs] == ["web", "thumb"]
    small = resize(picture(tmp_path, result, 0), (96, 64))
    assert psnr_db(picture(tmp_path, result, 1), small) >= 30
    assert {"read", "decode", "resize", "encode", "store"} <= set(result.timings)


def test_renditions_come_in_the_recipes_order_whatever_their_sizes(sample_dng: Sample, tmp_path: Path) -> None:
    reversed_recipe = TWO.model_copy(update={"renditions": TWO.renditions[::-1]})
    result = run(sample_dng.path, tmp_path, reversed_recipe)
    assert [(output.rendition, output.width_px) for output in result.outputs] == [("thumb", 96), ("web", 500)]


@pytest.mark.parametrize("kind", encode.available_formats())
def test_every_format_is_written_with_the_colour_profile(sample_dng: Sample, tmp_path: Path, kind: Format) -> None:
    recipe = Recipe(
        colour_space=ColourSpace.DISPLAY_P3, renditions=(Rendition(name="web", long_edge_px=200, format=kind),)
    )
    result = run(sample_dng.path, tmp_path, recipe)
    with Image.open(tmp_path / result.outputs[0].path) as image:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert image.format == kind.name
    assert "P3" in ImageCms.getProfileDescription(profile)


def test_display_p3_and_srgb_show_the_same_colours_when_their_profiles_are_applied(
    sample_dng: Sample, tmp_path: Path
) -> None:
    lab = []
    for space in ColourSpace:
        recipe = Recipe(colour_space=space, renditions=(Rendition(name="web", long_edge_px=300, format=Format.PNG),))
        result = run(sample_dng.path, tmp_path, recipe)
        with Image.open(tmp_path / result.outputs[0].path) as image:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
            converted = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert converted is not None
        lab.append(np.asarray(converted, dtype=float))
    assert np.abs(lab[0] - lab[1]).mean() <= 1.5


def test_a_second_run_skips_what_is_done_and_redoes_what_is_gone(sample_dng: Sample, tmp_path: Path) -> None:
    first = run(sample_dng.path, tmp_path)
    second = run(sample_dng.path, tmp_path)
    assert (second.status, second.outputs, second.verdict) == (Status.SKIPPED, first.outputs, first.verdict)
    (tmp_path / first.outputs[0].path).unlink()
    third = run(sample_dng.path, tmp_path)
    assert (third.status, third.outputs) == (Status.OK, first.outputs)


def test_another_recipe_gives_other_names_and_leaves_the_first_ones_alone(sample_dng: Sample, tmp_path: Path) -> None:
    first = run(sample_dng.path, tmp_path)
    other = run(sample_dng.path, tmp_path, TWO.model_copy(update={"filters": (Blur(radius_px=3.0),)}))
    assert not {output.path for output in first.outputs} & {output.path for output in other.outputs}
    assert all((tmp_path / output.path).exists() for output in first.outputs + other.outputs)


def test_developing_twice_gives_the_same_bytes(sample_dng: Sample, tmp_path: Path) -> None:
    outputs = []
    for name in ("first", "second"):
        result = run(sample_dng.path, tmp_path / name)
        outputs.append([(tmp_path / name / output.path).read_bytes() for output in result.outputs])
    assert outputs[0] == outputs[1]


def test_the_watermark_stands_on_every_rendition_that_wants_it(sample_dng: Sample, tmp_path: Path) -> None:
    Image.new("RGB", (10, 10), (255, 0, 255)).save(tmp_path / "logo.png")
    recipe = Recipe(
        watermark=Watermark(logo=tmp_path / "logo.png", opacity=1.0, scale=0.2, margin=0.0),
        renditions=(
            Rendition(name="web", long_edge_px=500, format=Format.PNG),
            Rendition(name="clean", long_edge_px=400, format=Format.PNG, watermark=False),
        ),
    )
    result = run(sample_dng.path, tmp_path / "out", recipe)
    marked, clean = (picture(tmp_path / "out", result, index) for index in (0, 1))
    assert (marked[-60:, -60:] == [255, 0, 255]).all()
    assert not (clean[-40:, -40:] == [255, 0, 255]).all(axis=2).any()


def test_exif_can_be_left_out(sample_dng: Sample, tmp_path: Path) -> None:
    result = run(sample_dng.path, tmp_path, TWO.model_copy(update={"keep_exif": False}))
    with Image.open(tmp_path / result.outputs[0].path) as image:
        assert dict(image.getexif()) == {}


def test_an_image_that_needs_more_memory_than_it_may_use_says_how_much_before_it_decodes(
    sample_dng: Sample, tmp_path: Path
) -> None:
    stages: list[Stage] = []
    with pytest.raises(NeedsMemory) as request:
        develop(sample_dng.path, TWO, tmp_path, stem="a", limits=Limits(memory_bytes=1 << 20), on_stage=stages.append)
    assert request.value.needed_bytes > 1 << 20
    assert stages == [Stage.READ]


def test_stages_are_told_in_their_order(sample_dng: Sample, tmp_path: Path) -> None:
    stages: list[Stage] = []
    recipe = TWO.model_copy(update={"filters": (Blur(radius_px=1.0),)})
    run(sample_dng.path, tmp_path, recipe, on_stage=stages.append)
    each = [Stage.RESIZE, Stage.FILTERS, Stage.ENCODE, Stage.STORE]
    assert stages == [Stage.READ, Stage.DECODE, *each, *each]


def test_a_rendition_that_fails_takes_the_stored_ones_of_its_image_with_it(
    sample_dng: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = encode.encode

    def fails_at_the_thumb(pixels: np.ndarray, rendition: Rendition, **options: bytes) -> bytes:
        if rendition.name == "thumb":
            raise ImageError(ReasonCode.INTERNAL_ERROR, "no thumb today", stage=Stage.ENCODE)
        return real(pixels, rendition, **options)

    monkeypatch.setattr(encode, "encode", fails_at_the_thumb)
    with pytest.raises(ImageError, match="no thumb today"):
        run(sample_dng.path, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_memory_that_runs_out_is_an_error_of_the_image(
    sample_dng: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(renditions, "resize", no_memory)
    with pytest.raises(ImageError, match=r"memory ran out; \d+ MiB were predicted") as error:
        run(sample_dng.path, tmp_path)
    assert error.value.reason is ReasonCode.OUT_OF_MEMORY


@pytest.mark.camera
def test_every_camera_file_is_developed_upright_and_judged_ok(camera_raws: Path, tmp_path: Path) -> None:
    for path in sorted(camera_raws.iterdir()):
        if path.suffix.upper() not in {".CRW", ".KDC"}:
            continue
        result = run(path, tmp_path)
        assert (result.status, result.verdict, len(result.outputs)) == (Status.OK, Verdict.OK, 2), path.name
        # All eight were held level; only their renditions' shape could show a turn too many.
        assert result.outputs[0].width_px > result.outputs[0].height_px, path.name


def test_the_decode_path_of_the_plan_is_reported(sample_dng: Sample, tmp_path: Path) -> None:
    assert run(sample_dng.path, tmp_path).decode_path is DecodePath.HALF
