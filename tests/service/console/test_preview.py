"""The preview of a recipe: the processor's own pixels, within bounds."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image

from processor import filters, watermark
from processor.recipe import Position, Unsharp, Watermark
from processor.resize import fitted, resize
from service.api import limits
from service.console import preview
from tests.processor.pictures import psnr_db
from tests.service.console.conftest import Browser

SHARPEN = {"kind": "unsharp", "radius_px": 1.5, "amount_percent": 120, "threshold": 0}


def logo(width: int = 60, height: int = 30, kind: str = "png") -> str:
    """A red one as a data URI."""
    buffer = io.BytesIO()
    Image.new("RGBA" if kind == "png" else "RGB", (width, height), (255, 0, 0)).save(buffer, kind)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def recipe(**settings: Any) -> dict[str, Any]:
    """Of one rendition."""
    return {"renditions": [{"name": "web", "long_edge_px": 900, "quality": 92}], **settings}


def ask(browser: Browser, settings: Any, *, rendition: str = "web", detail: bool = False) -> Any:
    """As the page does."""
    body = json.dumps({"recipe": settings, "rendition": rendition, "detail": detail})
    return browser.post("/preview/", body, content_type="application/json", headers={"X-CSRFToken": browser.token()})


def pixels(answer: Any) -> Any:
    assert answer.status_code == 200, answer.content
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"))


def test_it_is_what_the_processors_stages_make(ada: Browser, tmp_path: Any) -> None:
    with Image.open(preview.SAMPLE) as picture:
        sample = np.asarray(picture.convert("RGB"))
    mark = {"logo": logo(), "opacity": 1.0, "position": "top-left", "scale": 0.3}
    shown = pixels(ask(ada, recipe(filters=[SHARPEN], watermark=mark)))
    size = fitted(sample.shape[1], sample.shape[0], 900)
    wanted = filters.apply(resize(sample, size), [Unsharp(radius_px=1.5, amount_percent=120)]).copy()
    file = tmp_path / "logo.png"
    file.write_bytes(base64.b64decode(mark["logo"].partition(",")[2]))  # type: ignore[attr-defined]
    watermark.stamp(wanted, Watermark(logo=file, opacity=1.0, position=Position.TOP_LEFT, scale=0.3))
    assert shown.shape == wanted.shape
    assert psnr_db(shown, wanted) > 32, "nothing but the JPEG in between"
    plain = pixels(ask(ada, recipe()))
    assert psnr_db(plain, wanted) < 25, "and the recipe matters"


def test_nothing_is_made_larger_than_the_sample(ada: Browser) -> None:
    answer = ask(ada, {"renditions": [{"name": "web", "long_edge_px": 8000}]})
    assert pixels(answer).shape == (1280, 1920, 3)
    assert (answer["X-Width"], answer["X-Height"], answer["X-Long-Edge"]) == ("1920", "1280", "8000")


def test_the_detail_is_the_middle_pixel_by_pixel(ada: Browser) -> None:
    assert pixels(ask(ada, recipe(), detail=True)).shape == (480, 720, 3)


@pytest.mark.parametrize(
    ("settings", "status", "code"),
    [
        (recipe(filters=[{"kind": "blur", "radius_px": -1}]), 422, "invalid_recipe"),
        (recipe(watermark={"logo": "/etc/passwd"}), 422, "invalid_recipe"),
        (recipe(watermark={"logo": "data:image/png;base64,AAAA"}), 422, "invalid_recipe"),
        (recipe(filters=[{"kind": "custom", "name": "evil"}]), 422, "invalid_recipe"),
        ({"renditions": []}, 422, "invalid_recipe"),
        ("default", 422, "invalid_request"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(ada: Browser, settings: Any, status: int, code: str) -> None:
    answer = ask(ada, settings)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "/tmp" not in answer.content.decode()


def test_an_unknown_rendition_is_refused(ada: Browser) -> None:
    assert ask(ada, recipe(), rendition="nope").json()["code"] == "invalid_recipe"


def test_a_logo_that_unfolds_is_refused_before_it_does(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = logo(5000, 5000)
    monkeypatch.setattr(watermark, "stamp", lambda *_: pytest.fail("the logo was decoded"))
    answer = ask(ada, recipe(watermark={"logo": bomb}))
    assert answer.status_code == 422
    assert "5000 x 5000" in answer.json()["detail"]


def test_previews_wait_for_their_turn_and_not_for_ever(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preview, "WAIT_S", 0.05)
    for _ in range(preview.AT_ONCE):
        preview._places.acquire()
    try:
        answer = ask(ada, recipe())
    finally:
        for _ in range(preview.AT_ONCE):
            preview._places.release()
    assert answer.status_code == 503
    assert answer["Retry-After"] == "2"
    assert ask(ada, recipe()).status_code == 200


def test_somebody_who_asks_without_end_is_slowed_down(ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "hit", lambda *_: 12.0)
    answer = ask(ada, recipe())
    assert (answer.status_code, answer["Retry-After"]) == (429, "12")


def test_strangers_get_no_preview(ada: Browser) -> None:
    assert Browser().post("/preview/", "{}", content_type="application/json").status_code == 403
    assert ada.post("/preview/", "{}", content_type="application/json").status_code == 403
    body = ada.post("/preview/", "[]", content_type="application/json", headers={"X-CSRFToken": ada.token()})
    assert body.json()["code"] == "malformed_json"


def test_the_sample_stays_as_it_is(ada: Browser) -> None:
    first = ask(ada, recipe()).content
    ask(ada, recipe(filters=[SHARPEN], watermark={"logo": logo(), "opacity": 1.0}))
    assert ask(ada, recipe()).content == first
