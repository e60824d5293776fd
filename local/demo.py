"""`make demo`: sample RAWs through the whole platform, as a customer would send them, then everything is stopped."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from local.customer import make_shoot, mebibytes, submit, unpack
from local.errors import LocalError, LocalReason
from local.layout import Layout
from local.platform import Platform
from local.running import find_running

_PAGES = {"contact sheet": "contact_sheet.html", "report": "report.html", "manifest": "manifest.json"}


def demo(folder: Path) -> int:
    """0 when every sample came back developed."""
    console = Console(highlight=False, soft_wrap=True)
    folder = folder.resolve()
    began_s = time.monotonic()
    say = clock(console, began_s)
    samples, results = folder / "samples", folder / "results"
    layout = _empty_platform(folder, results)
    originals = make_shoot(samples, console)
    say(f"{len(originals)} sample RAWs, {mebibytes(originals):.0f} MiB")
    with Platform(layout, said=say) as platform:
        say(f"the console is at {platform.access.url}; who may sign in stands in {platform.access.console_user_file}")
        say(f"submitting them to {platform.access.url}")
        submit(platform.access, originals, out=results, state=folder / "client")
        say("everything is downloaded; stopping the platform")
    renditions = unpack(results, originals=len(originals))
    console.print(f"\n{len(originals)} RAWs became {len(renditions)} renditions in {time.monotonic() - began_s:.0f} s")
    for name, page in _PAGES.items():
        console.print(f"{name:14} {_link(results, page)}")
    console.print(f"{'renditions':14} {renditions[0].parent}")
    console.print(f"{'originals':14} {samples}")
    console.print(f"{'logs':14} {layout.logs}")
    console.print("\nnext: `make up` runs the same platform for your own files and shows how to send them")
    return 0


def _empty_platform(folder: Path, results: Path) -> Layout:
    """Every demo begins with an empty platform; samples are kept, since making them again shows nothing."""
    layout = Layout(folder / "platform")
    if find_running(layout) is not None:
        raise LocalError(
            LocalReason.ALREADY_RUNNING, f"another demo runs in {folder}; wait for it or press Ctrl-C there"
        )
    for old in (layout.root, results, folder / "client"):
        shutil.rmtree(old, ignore_errors=True)
    return Layout(layout.root)


def clock(console: Console, began_s: float) -> Callable[[str], None]:
    """Says lines with the seconds since the beginning before them."""
    return lambda line: console.print(f"[dim]{time.monotonic() - began_s:5.1f} s[/dim]  {line}")


def _link(folder: Path, name: str) -> Path:
    found = next(folder.rglob(name), None)
    if found is None:
        raise LocalError(LocalReason.JOB_FAILED, f"the archive holds no {name}")
    return found
