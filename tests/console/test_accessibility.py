"""axe finds nothing serious on any page: light and dark, English and Korean, desktop and phone."""

from typing import Any

import pytest

from tests.console.conftest import AXE, SERIOUS, Console, PageOf, until

PATHS = (
    "/sign-in/",
    "/jobs/",
    "/jobs/new/",
    "/jobs/{job}/",
    "/jobs/{job}/images/{image}/",
    "/keys/",
    "/operation/",
    "/operation/dead-letters/",
    "/account/",
    "/nothing/",
)
LOOKS: dict[str, dict[str, Any]] = {
    "light-english": {"color_scheme": "light", "locale": "en-GB"},
    "dark-korean": {"color_scheme": "dark", "locale": "ko-KR"},
    "light-korean-phone": {"color_scheme": "light", "locale": "ko-KR", "viewport": {"width": 360, "height": 740}},
    "dark-english-phone": {"color_scheme": "dark", "locale": "en-GB", "viewport": {"width": 360, "height": 740}},
}


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_serious(page_of: PageOf, console: Console, finished: str, look: str) -> None:
    image = console.api(f"/v1/jobs/{finished}/images")["items"][0]["image_id"]
    page = page_of(sign_in=False, **LOOKS[look])
    found: list[str] = []
    script = AXE.read_text(encoding="utf-8")
    for path in PATHS:
        if path == "/jobs/":
            page.locator("[name=email]").fill("demo@example.com")
            page.locator("[name=password]").fill(console.password)
            page.locator("main button").click()
            page.wait_for_url("**/jobs/")
        page.goto(console.url + path.format(job=finished, image=image))
        until(page, "document.readyState === 'complete'")
        page.evaluate(script)
        result = page.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            f"{path}: {violation['id']} ({violation['impact']}): {violation['nodes'][0]['html'][:200]}"
            for violation in result["violations"]
            if violation["impact"] in SERIOUS
        ]
        language = page.evaluate("document.documentElement.lang")
        assert language == ("ko" if "korean" in look else "en"), path
    assert found == []


@pytest.mark.parametrize("path", ["/jobs/", "/jobs/new/", "/jobs/{job}/"])
def test_a_screen_reader_finds_one_heading_and_its_way(
    page_of: PageOf, console: Console, finished: str, path: str
) -> None:
    page = page_of()
    page.goto(console.url + path.format(job=finished))
    assert page.locator("h1").count() == 1
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("navigation", name="Main").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
