"""The benchmark's command line, at a scale whose figures mean nothing."""

import json
from pathlib import Path

import pytest

from bench import cli, speed
from bench.figures import keep
from bench.part import Target


def test_a_run_prints_tables_and_keeps_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(speed, "INPUTS", {"45-none": speed.INPUTS["45-none"]})
    arguments = ["--scale", "tiny", "--only", "speed", "--out", str(tmp_path), "--width", "160"]
    assert cli.main(arguments) == 0
    figures = json.loads((tmp_path / "bench-tiny.json").read_text(encoding="utf-8"))
    assert figures["machine"]["cores"] >= 1
    assert figures["versions"]["rawpy"]
    designs = figures["parts"]["speed"]["originals"]["45-none"]["designs"]
    assert set(designs) == {"naive", "standard", "best", "naive-thumb", "fast"}
    assert designs["standard"]["quality"]["4k"]["psnr_db"] > 30
    assert designs["naive"]["ratio"] == {"low": 1, "median": 1, "high": 1}
    assert all(target["met"] in {True, False} for target in figures["targets"])
    printed = capsys.readouterr().out
    assert "naive / design" in printed
    assert "Targets" in printed


def test_a_later_run_keeps_the_parts_that_it_did_not_measure(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    base = {"scale": "tiny", "machine": {}, "versions": {}, "busy_cores": {}}
    deadlock: dict[str, dict[str, str]] = {"bare": {}}
    keep({**base, "parts": {"deadlock": deadlock}}, path, cli.PARTS)
    kept = keep({**base, "parts": {"race": {"expected": 1}}}, path, cli.PARTS)
    assert kept["parts"] == {"race": {"expected": 1}, "deadlock": deadlock}
    assert json.loads(path.read_text(encoding="utf-8")) == kept


@pytest.mark.parametrize(
    ("measured", "at_most", "met"), [(5.0, False, True), (4.9, False, False), (5.1, True, False), (None, True, None)]
)
def test_a_target_is_met_or_missed_or_not_measured(measured: float | None, at_most: bool, met: bool | None) -> None:
    assert Target(what="a figure", measured=measured, needed=5, at_most=at_most).met is met
