"""Recipes: what is accepted, what is refused and in which words, and what the digest depends on."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from processor.errors import RecipeError
from processor.recipe import Blur, Recipe, Rendition, Unsharp
from processor.recipe_io import MAX_RECIPE_BYTES, dump_recipe, load_recipe, preset, preset_names

RENDITION = '[[renditions]]\nname = "4k"\nlong_edge_px = 3840\n'


def write(folder: Path, text: str, name: str = "recipe.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_default_preset_makes_4k_1080p_and_a_thumbnail_as_jpeg() -> None:
    recipe = preset("default")
    made = [(r.name, r.long_edge_px, r.format.value) for r in recipe.renditions]
    assert made == [("4k", 3840, "jpeg"), ("1080p", 1920, "jpeg"), ("thumb", 320, "jpeg")]


def test_every_preset_loads_and_its_dump_reads_back_to_an_equal_recipe(tmp_path: Path) -> None:
    for name in preset_names():
        path = write(tmp_path, dump_recipe(preset(name)), f"{name}.json")
        assert load_recipe(path) == preset(name)


def test_a_toml_and_a_json_recipe_of_the_same_content_have_the_same_digest(tmp_path: Path) -> None:
    toml = load_recipe(write(tmp_path, RENDITION))
    as_json = {"renditions": [{"name": "4k", "long_edge_px": 3840}]}
    assert load_recipe(write(tmp_path, json.dumps(as_json), "recipe.json")).digest() == toml.digest()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (RENDITION.replace("3840", "8"), "renditions.0.long_edge_px = 8: should be greater than or equal to 16"),
        (RENDITION.replace("3840", '"big"'), 'renditions.0.long_edge_px = "big": should be a valid integer'),
        ("tier = 'fastest'\n" + RENDITION, "tier = \"fastest\": should be 'best', 'standard' or 'fast'"),
        ("colour = 1\n" + RENDITION, "colour: unknown key; remove it or correct its spelling"),
        ("name = 'x'\n", "renditions: missing; it is required"),
        ("renditions = []\n", "renditions = []: "),
        (RENDITION + RENDITION, "two renditions are named '4k'"),
        (RENDITION + "quality = 101\n", "renditions.0.quality = 101: should be less than or equal to 100"),
        (RENDITION + "format = 'gif'\n", "renditions.0.format = \"gif\": should be 'jpeg', 'png', 'webp' or 'avif'"),
        (
            "filters = [{ kind = 'blur', radius_px = -1.0 }]\n" + RENDITION,
            "filters.0.radius_px = -1.0: should be greater",
        ),
        ("filters = [{ kind = 'swirl' }]\n" + RENDITION, 'filters.0: needs kind = "blur", "unsharp" or "custom"'),
        ("private = true\nkeep_exif = false\n" + RENDITION, "private = true has nothing to remove"),
        (RENDITION.replace('"4k"', '"../../etc"'), "renditions.0.name"),
    ],
)
def test_a_bad_setting_is_refused_with_file_key_value_and_what_is_allowed(tmp_path: Path, text: str, says: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as error:
        load_recipe(path)
    assert str(error.value).startswith(f"{path}: ")
    assert says in str(error.value)


def test_all_faults_of_a_recipe_are_named_at_once_a_line_each(tmp_path: Path) -> None:
    path = write(tmp_path, "tier = 'x'\ncolour_space = 'y'\n" + RENDITION.replace("3840", "1"))
    with pytest.raises(RecipeError) as error:
        load_recipe(path)
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"not = = toml", "r.toml", "not valid TOML"),
        (b"{", "r.json", "not valid JSON"),
        (b"\xff\xfe", "r.toml", "not UTF-8 text (byte 0)"),
        (b"#" * (MAX_RECIPE_BYTES + 1), "r.toml", "a recipe has at most"),
        (b"[" * 100_000, "r.json", "nested too deeply"),
    ],
)
def test_what_is_no_recipe_file_is_refused_in_one_line(tmp_path: Path, content: bytes, name: str, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=r"^[^\n]+$") as error:
        load_recipe(path)
    assert says in str(error.value)


def test_a_missing_file_and_an_unknown_preset_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="No such file"):
        load_recipe(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match=r"the presets are .*default"):
        load_recipe("nonesuch")


def with_logo(folder: Path, name: str) -> str:
    return f'{RENDITION}[watermark]\nlogo = "{name}"\n'


def test_a_logo_is_looked_for_beside_the_recipe_and_its_bytes_are_part_of_the_digest(tmp_path: Path) -> None:
    Image.new("RGBA", (8, 8), "red").save(tmp_path / "logo.png")
    path = write(tmp_path, with_logo(tmp_path, "logo.png"))
    recipe = load_recipe(path)
    assert recipe.watermark is not None
    assert recipe.watermark.logo == tmp_path / "logo.png"
    before = recipe.digest()
    Image.new("RGBA", (8, 8), "blue").save(tmp_path / "logo.png")
    assert load_recipe(path).digest() != before


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file"), (b"text", "not an image"), (b"\x89PNG\r\n\x1a\n" + bytes(40), "not an image")],
)
def test_a_logo_that_is_missing_or_no_image_is_refused_before_the_batch(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "logo.png").write_bytes(content)
    with pytest.raises(RecipeError, match=r"watermark\.logo") as error:
        load_recipe(write(tmp_path, with_logo(tmp_path, "logo.png")))
    assert says in str(error.value)


def test_a_huge_logo_is_refused_with_its_size_and_the_limit(tmp_path: Path) -> None:
    Image.new("1", (8000, 8000)).save(tmp_path / "logo.png")
    with pytest.raises(RecipeError, match="8000×8000 pixels; a logo has at most 25 million"):
        load_recipe(write(tmp_path, with_logo(tmp_path, "logo.png")))


def test_the_name_of_a_recipe_does_not_change_its_digest_and_every_setting_does() -> None:
    plain = Recipe(renditions=(Rendition(name="a", long_edge_px=100),))
    assert plain.model_copy(update={"name": "other"}).digest() == plain.digest()
    changes: list[dict[str, object]] = [
        {"tier": "best"},
        {"colour_space": "display-p3"},
        {"private": True},
        {"keep_exif": False},
        {"filters": [{"kind": "blur", "radius_px": 1.0}]},
        {"renditions": [{"name": "a", "long_edge_px": 101}]},
        {"renditions": [{"name": "a", "long_edge_px": 100, "quality": 91}]},
    ]
    digests = {Recipe.model_validate(plain.model_dump(mode="json") | change).digest() for change in changes}
    assert len(digests | {plain.digest()}) == len(changes) + 1


def test_a_rendition_without_filters_of_its_own_takes_the_recipes() -> None:
    recipe = Recipe(
        filters=(Unsharp(),),
        renditions=(
            Rendition(name="a", long_edge_px=100),
            Rendition(name="b", long_edge_px=100, filters=(Blur(radius_px=1.0),)),
            Rendition(name="c", long_edge_px=100, filters=()),
        ),
    )
    assert [recipe.filters_of(r) for r in recipe.renditions] == [(Unsharp(),), (Blur(radius_px=1.0),), ()]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_settings_whatever_raise_anything_but_a_recipe_error(settings: object) -> None:
    from processor.recipe_io import parse_recipe

    try:
        parse_recipe(settings, where="test", folder=Path())
    except RecipeError as error:
        assert str(error).startswith("test: ")
