"""Recipes that were made to break their reader or to cost without end: each is a recipe that works, or refused."""

import copy
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from processor.errors import RecipeError
from processor.plan import make_plan
from processor.recipe_io import dump_recipe, load_recipe
from tests.processor.test_plan import HEADER

SMALL = replace(HEADER, width_px=960, height_px=640, raw_width_px=960, raw_height_px=640, orientation=6)
SEED: dict[str, Any] = {
    "name": "hostile",
    "tier": "best",
    "colour_space": "display-p3",
    "keep_exif": True,
    "private": False,
    "filters": [
        {"kind": "unsharp", "radius_px": 1.5, "amount_percent": 80, "threshold": 3},
        {"kind": "custom", "name": "mine", "params": {"strength": 2, "text": "a"}},
    ],
    "watermark": {"logo": "logo.png", "opacity": 0.5, "position": "tile", "scale": 0.2, "margin": 0.1},
    "renditions": [
        {"name": "a", "long_edge_px": 640, "format": "jpeg", "quality": 80, "progressive": True, "watermark": False},
        {"name": "b", "long_edge_px": 320, "format": "avif", "filters": [{"kind": "blur", "radius_px": 2.0}]},
    ],
}
NESTED: Any = "deep"
for _ in range(300):
    NESTED = [NESTED]
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 1_000_000, 0.5, -0.0, 1e308, 2**63, 2**64, 10**4000),
    *(float("nan"), float("inf"), "", " ", "a", "\0", "\ud800", "x" * 100_000, "../../etc/passwd", "/dev/null", "."),
    *([], {}, [[]], [None], {"": None}, {"a": {"b": 1}}, {"\ud800": 1}, {"\0": 2}, [0] * 5000, NESTED),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def places_of(document: Any) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, value in inside:
        yield (key,)
        for place in places_of(value):
            yield (key, *place)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """The seed with up to three values exchanged, left out or added."""
    document = copy.deepcopy(SEED)
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(sorted(places_of(document), key=str)))
        inner: Any = document
        for key in way:
            inner = inner[key]
        change = draw(st.sampled_from(["exchange", "exchange", "leave out", "add"]))
        if change == "leave out":
            del inner[last]
        elif change == "add" and isinstance(inner, dict):
            inner[draw(st.text(max_size=5))] = draw(JSON)
        else:
            inner[last] = copy.deepcopy(draw(st.sampled_from(VALUES) | JSON))
    return document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the seed's logo."""
    made = tmp_path_factory.mktemp("recipes")
    Image.new("RGBA", (8, 8), "red").save(made / "logo.png")
    return made


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),  # a long document takes minutes to be made small
    suppress_health_check=list(HealthCheck),
)
@given(document=documents() | JSON)
@example(document=SEED)
def test_any_document_is_a_recipe_that_survives_and_can_be_planned_or_is_refused_by_field(
    folder: Path, document: Any
) -> None:
    check(folder, "recipe.json", json.dumps(document))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("digits.json", '{"renditions": [{"name": "a", "long_edge_px": 1' + "0" * 5000 + "}]}"),
        ("digits.toml", '[[renditions]]\nname = "a"\nlong_edge_px = 1' + "0" * 5000),
        ("hexadecimal.toml", '[[renditions]]\nname = "a"\nlong_edge_px = 0x1' + "0" * 5000),
        (
            "parameter.toml",
            '[[filters]]\nkind = "custom"\nname = "a"\nparams.a = 0x1' + "0" * 5000 + '\n[[renditions]]\nname = "a"\n'
            "long_edge_px = 64",
        ),
        ("deep.json", '{"renditions": ' + "[" * 900 + "]" * 900 + "}"),
        ("deep.toml", "renditions = " + "[" * 200 + "]" * 200),
        ("dotted.toml", ".".join(["a"] * 900) + " = 1"),
        ("twice.json", '{"renditions": 1, "renditions": []}'),
        ("date.toml", "renditions = 1979-05-27T07:32:00Z"),
        ("nan.json", '{"renditions": NaN}'),
        ("wide.json", '{"renditions": [{"name": "a", "long_edge_px": 1000000}]}'),
        ("many.json", json.dumps({"renditions": [{"name": f"r{n}", "long_edge_px": 64} for n in range(4000)]})),
        ("filters.json", json.dumps({**SEED, "filters": [{"kind": "blur", "radius_px": 100}] * 1000})),
    ],
)
def test_numbers_depths_and_lists_without_end_are_refused_by_field(tmp_path: Path, name: str, text: str) -> None:
    assert not check(tmp_path, name, text)


def check(folder: Path, name: str, text: str) -> bool:
    """Whether it is a recipe; then it survives and costs what a recipe may. Else each line names file and field."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    try:
        recipe = load_recipe(path)
    except RecipeError as error:
        for line in str(error).splitlines():
            assert line.startswith(f"{path}: "), line
            assert len(line) - len(str(path)) < 500, "a refusal does not repeat what it refuses"
        return False
    again = folder / "again.json"
    again.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(again) == recipe
    assert load_recipe(again).digest() == recipe.digest()
    plan = make_plan(SMALL, recipe)
    assert 1 <= len(plan.renditions) <= 16
    assert all(max(each.width_px, each.height_px) <= SMALL.width_px for each in plan.renditions)
    assert 0 < plan.predicted_s < 60
    return True


def png(width: int, height: int) -> bytes:
    """A PNG of one colour: a few kilobytes, whatever its size."""
    kept = io.BytesIO()
    Image.new("1", (width, height)).save(kept, "PNG", optimize=True)
    return kept.getvalue()


def png_that_says(width: int, height: int) -> bytes:
    """A PNG whose header tells another size than it has."""
    data = png(16, 16)
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + data[24:29]
    return data[:12] + header + zlib.crc32(header).to_bytes(4, "big") + data[33:]


def png_with_text(size: int) -> bytes:
    """A PNG with a compressed text that is as long as that."""
    kept = io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "a" * size, zip=True)
    Image.new("RGBA", (8, 8)).save(kept, "PNG", pnginfo=info)
    return kept.getvalue()


def saved(kind: str) -> bytes:
    """A small picture of a format that a logo may not have."""
    kept = io.BytesIO()
    Image.new("RGB", (8, 8)).save(kept, kind)
    return kept.getvalue()


@pytest.mark.parametrize(
    ("logo", "says"),
    [
        (png(5100, 5100), "5100×5100 pixels; a logo has at most 25 million"),
        (png_that_says(30_000, 30_000), "far too large; a logo has at most 25 million"),
        (png_that_says(2**31 - 1, 2**31 - 1), "far too large; a logo has at most 25 million"),
        (png_with_text(50_000_000), "not an image that can be opened"),
        (saved("EPS"), "a logo is a PNG, JPEG or WebP file"),
        (saved("TIFF"), "a logo is a PNG, JPEG or WebP file"),
        (saved("GIF"), "a logo is a PNG, JPEG or WebP file"),
    ],
    ids=["large", "bomb", "endless", "text-bomb", "eps", "tiff", "gif"],
)
def test_a_logo_that_is_a_bomb_or_of_a_format_for_other_readers_is_refused(
    tmp_path: Path, logo: bytes, says: str
) -> None:
    assert len(logo) < 256 * 1024, "small enough to come within a recipe"
    (tmp_path / "logo.png").write_bytes(logo)
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps(SEED), encoding="utf-8")
    with pytest.raises(RecipeError, match=r"watermark\.logo") as refused:
        load_recipe(path)
    assert says in str(refused.value)
