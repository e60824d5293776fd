"""Takes the pictures of the console in the docs, from a running platform. `make console-pictures` runs it."""

import io
import multiprocessing
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from local.aws.endpoints import ROOT
from local.layout import Layout
from local.platform import Platform
from processor.cli.demo import draw_logo
from processor.sample import SAMPLE_SIZES, make_sample
from tests.console.conftest import CHROMIUM, FLAGS, Console, enter, post, until, wait_for_status

FOLDER = ROOT / "docs" / "images"
MOST_BYTES = 200_000
_SHOTS = ((1, 1), (2, 1), (3, 6), (4, 1), (5, 8), (6, 1), (7, 1), (8, 1))
"""(seed, orientation) of the originals; one more is cut off."""


def main() -> int:
    """Starts everything, takes all pictures, stops everything."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        originals = _originals(folder)
        draw_logo(folder / "logo.png")
        with Platform(Layout(folder / "platform"), said=lambda line: print(line, flush=True)) as platform:
            _, password = platform.access.console_user_file.read_text().split()
            console = Console(platform, platform.access.url, password)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            _take(browser, console, originals, folder / "logo.png")
            browser.close()
    return 0


def _take(browser: Browser, console: Console, originals: list[Path], logo: Path) -> None:
    page = _page(browser, console)
    job = post(page, originals)
    wait_for_status(page, "completed")
    post(page, originals[1:5])
    wait_for_status(page, "completed")
    image = console.api(f"/v1/jobs/{job}/images")["items"][1]["image_id"]

    page.goto(f"{console.url}/jobs/{job}/")
    page.locator(".tile input").nth(0).check()
    page.locator(".tile input").nth(3).check()
    _save(page, "console_job")
    page.goto(f"{console.url}/jobs/{job}/images/{image}/")
    until(page, "document.getElementById('before').naturalWidth > 0")
    page.locator("#split").fill("42")
    _save(page, "console_lightbox")
    page.goto(f"{console.url}/operation/")
    _save(page, "console_operation")

    dark = _page(browser, console, color_scheme="dark")
    dark.goto(f"{console.url}/jobs/new/")
    dark.locator("#files").set_input_files([str(path) for path in originals])
    dark.locator("#logo").set_input_files(str(logo))
    dark.locator("#scale").fill("30")
    dark.wait_for_timeout(2500)
    dark.evaluate("scrollTo(0, 0)")
    _save(dark, "console_new_dark")

    korean = _page(browser, console, locale="ko-KR")
    _save(korean, "console_jobs_korean")

    handheld = {"viewport": {"width": 390, "height": 780}, "device_scale_factor": 1.5, "is_mobile": True}
    phone = _page(browser, console, has_touch=True, **handheld)
    phone.goto(f"{console.url}/jobs/{job}/")
    _save(phone, "console_phone")


def _page(browser: Browser, console: Console, **options: Any) -> Page:
    context = browser.new_context(
        **{"locale": "en-GB", "timezone_id": "Europe/Berlin", "viewport": {"width": 1280, "height": 860}, **options}
    )
    context.set_default_timeout(300_000)
    page = context.new_page()
    enter(page, console)
    return page


def _save(page: Page, name: str) -> None:
    """As a JPEG, as small as the limit wants it."""
    until(page, "[...document.images].every(image => image.complete)")
    page.wait_for_timeout(800)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = FOLDER / f"{name}.jpg"
    for quality in (86, 80, 72, 64):
        picture.save(path, quality=quality, optimize=True, progressive=True)
        if path.stat().st_size < MOST_BYTES:
            break
    print(path, path.stat().st_size, flush=True)


def _originals(folder: Path) -> list[Path]:
    shoot = folder / "shoot"
    shoot.mkdir()
    width, height = SAMPLE_SIZES["6mp"]
    paths = [shoot / f"DSC_{2041 + number}.dng" for number in range(len(_SHOTS))]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for made in [
            pool.submit(make_sample, path, width_px=width, height_px=height, seed=seed, orientation=orientation)
            for path, (seed, orientation) in zip(paths, _SHOTS, strict=True)
        ]:
            made.result()
    cut = shoot / f"DSC_{2041 + len(_SHOTS)}.dng"
    cut.write_bytes(paths[0].read_bytes()[:2_000_000])
    return [*paths, cut]


if __name__ == "__main__":
    sys.exit(main())
