"""Batches whose images need licences: one at a time where there is one seat, and a timeout is the image's failure."""

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from processor.errors import ReasonCode
from processor.licences import open_licences
from processor.report.model import BatchReport
from processor.result import Status
from tests.processor.licences.test_licences import options

Shoot = Callable[..., Path]
Run = Callable[..., BatchReport]


def test_images_of_a_batch_hold_a_licence_one_at_a_time(shoot: Shoot, run: Run, tmp_path: Path) -> None:
    folder = shoot(*["licensed filter_license watermark_license"] * 6)
    report = run(folder, jobs=3, licences=options(tmp_path / "seats"))
    assert report.count(Status.OK) == 6
    held = sorted(tuple(map(float, path.read_text().split())) for path in folder.glob("*.held"))
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(held))
    assert report.licence_wait_s > 0


def test_a_licence_timeout_fails_the_image_with_its_reason(shoot: Shoot, run: Run, tmp_path: Path) -> None:
    chosen = options(tmp_path / "seats", timeout_s=0.2)
    with open_licences(chosen).hold("filter_license", image="elsewhere"):
        (result,) = run(shoot("licensed filter_license"), licences=chosen).results
    assert result.reason is ReasonCode.LICENCE_TIMEOUT
    assert f"process {os.getpid()}" in (result.message or "")
