"""The console as people use it: a real headless Chromium in front of the whole platform."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from playwright.sync_api import Error as PageError

from local.aws.endpoints import ROOT
from local.demo_access import EMAIL
from local.layout import Layout
from local.platform import Platform
from local.process import ChildProcess
from local.tasks import Part
from processor.sample import SAMPLE_SIZES, make_sample

CHROMIUM = os.environ.get("RAWMILL_CHROMIUM", "/usr/bin/chromium")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SERIOUS = {"serious", "critical"}
PATIENCE_MS = 240_000
"""The machine may be busy: nothing here is about speed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test-console` runs these, no other target does."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and "page_of" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
            item.add_marker(pytest.mark.timeout(PATIENCE_MS / 1000 * 10))


@dataclass
class Seen:
    """What the browser said while a page was open."""

    violations: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass
class Console:
    """The running platform with its console, and what a test does to it from outside."""

    platform: Platform
    url: str
    password: str
    again: ChildProcess | None = None
    """The web task, once it was started anew."""

    def manage(self, *command: str, told: str = "") -> str:
        """An operator's command."""
        return subprocess.run(
            [sys.executable, "-m", "local", "manage", "--data", str(self.platform.layout.root), *command],
            cwd=ROOT,
            input=told,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout.strip()

    def restart_web(self) -> None:
        """Ends all processes of the web task; it comes back as ECS would bring it back."""
        old = self.again or next(child for child in self.platform.children if child.name == Part.WEB.value)
        old.stop()
        self.again = ChildProcess(old.program)
        self.again.wait_until(lambda: healthy(self.url), timeout_s=120)

    def api(self, path: str) -> Any:
        """Asks the API with the demo tenant's key."""
        key = self.platform.access.api_key_file.read_text()
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {key}"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


def healthy(url: str) -> bool:
    """Whether the web task serves."""
    try:
        with urllib.request.urlopen(f"{url}/health/", timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """One platform for all tests."""
    with Platform(Layout(tmp_path_factory.mktemp("console"))) as platform:
        _, password = platform.access.console_user_file.read_text().split()
        console = Console(platform, platform.access.url, password)
        yield console
        if console.again is not None:
            console.again.stop()


@pytest.fixture(scope="session")
def _playwright() -> Iterator[Playwright]:
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(_playwright: Playwright) -> Iterator[Browser]:
    """Debian's."""
    browser = _playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


PageOf = Callable[..., Page]


@pytest.fixture
def page_of(chromium: Browser, console: Console) -> Iterator[PageOf]:
    """Opens a page in a browser of its own: `page_of(locale="ko-KR", color_scheme="dark")`; signed in unless told.

    At the end no page may have broken its policy or raised an error.
    """
    contexts: list[BrowserContext] = []
    seen = Seen()

    def make(*, sign_in: bool = True, **options: Any) -> Page:
        context = chromium.new_context(
            **{"locale": "en-GB", "viewport": {"width": 1280, "height": 860}, "accept_downloads": True, **options}
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: seen.errors.append(str(error)))
        page.on("console", lambda message: _note(seen, message.text))
        if sign_in:
            enter(page, console)
        return page

    yield make
    for context in contexts:
        context.close()
    assert seen.violations == []
    assert seen.errors == []


def _note(seen: Seen, text: str) -> None:
    if "Content Security Policy" in text or "Content-Security-Policy" in text or "TrustedHTML" in text:
        seen.violations.append(text)


def enter(page: Page, console: Console, email: str = EMAIL, password: str | None = None) -> None:
    """Signs in."""
    page.goto(f"{console.url}/sign-in/")
    page.get_by_label("mail").or_(page.get_by_label("이메일")).fill(email)
    page.locator("[name=password]").fill(password or console.password)
    page.locator("main button").click()
    page.wait_for_url("**/jobs/")


@pytest.fixture(scope="session")
def raws(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six RAW files of different light."""
    folder = tmp_path_factory.mktemp("raws")
    width, height = SAMPLE_SIZES["small"]
    paths = [folder / f"IMG_{number:04d}.dng" for number in range(1, 7)]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for made in [
            pool.submit(make_sample, path, width_px=width, height_px=height, seed=seed)
            for seed, path in enumerate(paths, start=1)
        ]:
            made.result()
    return paths


def post(page: Page, files: list[Path]) -> str:
    """Chooses files, starts, and returns the job's id."""
    page.goto(page.url.split("/jobs")[0] + "/jobs/new/")
    page.locator("#files").set_input_files([str(path) for path in files])
    page.locator("#start").click()
    page.wait_for_url("**/jobs/*-*/")
    return page.url.rstrip("/").rpartition("/")[2]


def wait_for_status(page: Page, status: str) -> None:
    """Until the page says so by itself."""
    until(page, f"document.getElementById('job').dataset.status === '{status}'")


@pytest.fixture(scope="session")
def finished(chromium: Browser, console: Console, raws: list[Path]) -> str:
    """A job that is done."""
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    enter(page, console)
    job = post(page, raws)
    wait_for_status(page, "completed")
    context.close()
    return job


def wait_until(page: Page, condition: Callable[[], bool], *, what: str, at_most_s: float = PATIENCE_MS / 1000) -> None:
    """Waits for a condition, while `page` and its routes go on; fails the test when it does not come true."""
    end_s = time.monotonic() + at_most_s
    while not condition():
        assert time.monotonic() < end_s, f"{what} did not come true in time"
        page.wait_for_timeout(100)


def until(page: Page, expression: str) -> None:
    """Waits until an expression is true on the page; Playwright's own wait would break the policy against `eval`."""

    def holds() -> bool:
        try:
            return bool(page.evaluate(expression))
        except PageError:  # another page is just coming
            return False

    wait_until(page, holds, what=expression)
