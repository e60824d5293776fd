"""The commands as their users type them: real processes, real files, and every kind of bad input in one folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.processor.conftest import MakeDng, Sample

ROOT = Path(__file__).parents[3]
RECIPE = '[[renditions]]\nname = "web"\nlong_edge_px = 300\n\n[[renditions]]\nname = "thumb"\nlong_edge_px = 64\n'


def command(arguments: Sequence[object]) -> list[str]:
    return [sys.executable, "-m", "processor", *map(str, arguments)]


def processor(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(arguments), capture_output=True, text=True, cwd=ROOT, timeout=240, check=False)


def report(out: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((out / "report.json").read_text())
    return document


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def shoot(tmp_path: Path, make_dng: MakeDng) -> Path:
    """Four good files, two of them of the same name in different folders, one with a name that is not ASCII."""
    folder = tmp_path / "shoot"
    for seed, name in enumerate(("a.dng", "b/a.dng", "b/Übung 写真.dng", "c.DNG"), start=1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(make_dng(seed=seed).path, folder / name)
    return folder


def test_a_folder_is_developed_reported_skipped_and_shown(shoot: Path, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["run", shoot, "--out", out, "--recipe", recipe, "--report", "json", "--report", "html", "--jobs", 2]
    first = processor(*arguments)
    assert first.returncode == 0, first.stderr
    assert "4 ok of 4 originals" in first.stdout
    images = report(out)["images"]
    assert [image["status"] for image in images] == ["ok"] * 4
    for image in images:
        assert image["verdict"] == "ok"
        assert {"read", "decode", "resize", "encode", "store"} <= set(image["timings"])
        for output in image["outputs"]:
            with Image.open(out / output["path"]) as rendition:
                assert rendition.size == (output["width_px"], output["height_px"])
    paths = {output["path"] for image in images for output in image["outputs"]}
    assert len(paths) == 8
    assert any(path.startswith("b/Übung 写真.") for path in paths)
    for page in ("report.html", "contact_sheet.html"):
        assert "Übung 写真" in (out / page).read_text(encoding="utf-8")

    before = {path: (out / path).stat().st_mtime_ns for path in paths}
    second = processor(*arguments)
    assert second.returncode == 0, second.stderr
    assert "0 ok, 4 skipped of 4 originals" in second.stdout
    assert {path: (out / path).stat().st_mtime_ns for path in paths} == before


def test_bad_files_fail_with_reason_and_sentence_and_the_rest_goes_on(
    shoot: Path, recipe: Path, tmp_path: Path
) -> None:
    good = (shoot / "a.dng").read_bytes()
    (shoot / "cut.dng").write_bytes(good[: len(good) // 2])
    (shoot / "empty.nef").touch()
    (shoot / "text.cr2").write_text("dear diary")
    Image.new("RGB", (64, 48), "red").save(shoot / "photo.jpg")
    (shoot / "photo.jpg").rename(shoot / "photo.arw")
    (shoot / "gone.dng").symlink_to(shoot / "nowhere.dng")
    result = processor("run", shoot, "--out", tmp_path / "out", "--recipe", recipe, "--report", "json")
    assert result.returncode == 1
    assert "Traceback" not in result.stdout + result.stderr
    by_name = {Path(image["source"]).name: image for image in report(tmp_path / "out")["images"]}
    assert sum(image["status"] == "ok" for image in by_name.values()) >= 3
    reasons = {name: image["reason"] for name, image in by_name.items() if image["status"] == "failed"}
    assert reasons.pop("cut.dng") in {"truncated", "damaged"}
    assert reasons == {
        "empty.nef": "not_an_image",
        "text.cr2": "not_an_image",
        "photo.arw": "not_an_image",
        "gone.dng": "unreadable",
    }
    assert all(by_name[name]["message"] and not by_name[name]["outputs"] for name in [*reasons, "cut.dng"])
    stored = list((tmp_path / "out").rglob("*.jpg"))
    assert len(stored) == 8, "good files have all their renditions and bad ones none"
    assert not list((tmp_path / "out/.rawmill/tmp").rglob("*")), "a partial file remains"


def test_a_dry_run_names_decode_renditions_time_and_memory_and_writes_nothing(
    shoot: Path, recipe: Path, tmp_path: Path
) -> None:
    (shoot / "text.cr2").write_text("dear diary")
    result = processor("run", shoot, "--out", tmp_path / "out", "--recipe", recipe, "--dry-run")
    assert result.returncode == 1
    assert "4 of 5 can be developed" in result.stdout
    assert "full" in result.stdout
    assert "not_an_image" in result.stdout
    assert not (tmp_path / "out").exists()


def test_a_custom_filter_of_a_file_runs_in_every_worker(shoot: Path, tmp_path: Path) -> None:
    (tmp_path / "black.py").write_text(
        "from processor.filters import register\n\n\n@register('black')\ndef black(pixels):\n    return pixels * 0\n"
    )
    (tmp_path / "r.toml").write_text("filters = [{kind = 'custom', name = 'black'}]\n" + RECIPE)
    out = tmp_path / "out"
    result = processor(
        "run", shoot, "--out", out, "--recipe", tmp_path / "r.toml", "--filters", tmp_path / "black.py",
        "--licence", "filter_license=1", "--licence", "watermark_license=1", "--report", "json",
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    for image in report(out)["images"]:
        with Image.open(out / image["outputs"][0]["path"]) as rendition:
            assert np.asarray(rendition).max() <= 4


def test_an_unknown_format_of_report_is_wrong_usage(tmp_path: Path) -> None:
    result = processor("run", tmp_path, "--out", tmp_path / "out", "--report", "pdf")
    assert (result.returncode, "invalid choice: 'pdf'" in result.stderr) == (2, True)


def test_samples_are_written_as_asked_and_can_be_opened(tmp_path: Path) -> None:
    result = processor(
        "sample", tmp_path, "--width", 320, "--height", 240, "--count", 2, "--compression", "lossless-jpeg"
    )
    assert result.returncode == 0, result.stderr
    assert len(list(tmp_path.glob("*.dng"))) == 2
    shown = processor("run", tmp_path, "--out", tmp_path / "out", "--dry-run")
    assert "2 of 2 can be developed" in shown.stdout


@pytest.mark.slow
def test_a_killed_run_leaves_no_process_and_a_second_run_finishes_the_rest(
    sample_6mp: Sample, recipe: Path, tmp_path: Path
) -> None:
    shoot, out = tmp_path / "shoot", tmp_path / "out"
    shoot.mkdir()
    for number in range(12):
        # The bytes differ, so that no file is taken for another one's copy.
        (shoot / f"{number:02}.dng").write_bytes(sample_6mp.path.read_bytes() + bytes([number]))
    arguments = ["run", shoot, "--out", out, "--recipe", recipe, "--jobs", 2, "--report", "json"]
    running = subprocess.Popen(command(arguments), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(out.glob("*.thumb.jpg"))) < 3:
        assert time.monotonic() < deadline, "the batch never stored three images"
        time.sleep(0.02)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    time.sleep(1.5)
    done = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jpg")}
    time.sleep(1.0)
    assert {path.name for path in out.glob("*.jpg")} == set(done), "a worker outlived its parent"
    second = processor(*arguments)
    assert second.returncode == 0, second.stderr
    counts = [image["status"] for image in report(out)["images"]]
    assert counts.count("skipped") >= 3
    assert counts.count("skipped") + counts.count("ok") == 12
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("*.jpg")}
    redone = [name for name in done if after[name] != done[name]]
    assert len(redone) <= 4, f"finished images were made again: {redone}"
    assert len(after) == 24
