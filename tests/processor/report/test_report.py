"""The report adds up, the pages stand alone, and no name can break out of them."""

import json
import os
import re
import stat
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from processor.errors import ReasonCode, Stage, UsageError
from processor.report import BatchReport, Span, write_contact_sheet, write_json
from processor.report.batch_page import write_html
from processor.report.model import SpanEnd
from processor.report.pages import href, seconds, shown
from processor.result import ImageResult, Output, Status
from processor.types import DecodePath, Verdict

EVIL = "<script>alert(1)</script> & \"quotes\" 'x' {{ 7*7 }}"
RAW_NAME = os.fsdecode(b"gr\xfc\xdfe #1?.nef")


def output(name: str, width: int, path: str) -> Output:
    return Output(rendition=name, path=path, width_px=width, height_px=width * 2 // 3, size_bytes=1000)


@pytest.fixture
def report() -> BatchReport:
    results = (
        ImageResult(
            source=RAW_NAME,
            status=Status.OK,
            verdict=Verdict.OK,
            decode_path=DecodePath.HALF,
            megapixels=24.0,
            size_bytes=50_000_000,
            outputs=(output("4k", 3840, RAW_NAME + ".4k.jpg"), output("thumb", 320, RAW_NAME + ".thumb.jpg")),
            timings={"read": 0.1, "decode": 1.0, "encode": 0.4},
            cpu_s=1.4,
            peak_memory_bytes=300 << 20,
        ),
        ImageResult(
            source=f"shoot/{EVIL}.nef",
            status=Status.FAILED,
            reason=ReasonCode.TRUNCATED,
            stage=Stage.DECODE,
            message=f"cut short: {EVIL}",
            timings={"read": 0.2},
        ),
        ImageResult(
            source="suspect.nef",
            status=Status.OK,
            verdict=Verdict.SUSPECT,
            evidence=(f"12 dead rows {EVIL}",),
            outputs=(output("thumb", 320, "suspect.thumb.jpg"),),
            timings={"decode": 0.5},
            cpu_s=0.5,
        ),
        ImageResult(source="old.nef", status=Status.SKIPPED, timings={"decode": 99.0}),
        ImageResult(source="late.nef", status=Status.CANCELLED, message="not started"),
    )
    spans = (
        Span(slot=0, index=0, start_s=0.5, end_s=2.0, cpu_s=1.4, end=SpanEnd.OK),
        Span(slot=0, index=3, start_s=2.1, end_s=2.2, cpu_s=0.0, end=SpanEnd.SKIPPED),
        Span(slot=1, index=1, start_s=0.6, end_s=1.0, cpu_s=0.2, end=SpanEnd.FAILED),
        Span(slot=1, index=2, start_s=1.1, end_s=1.7, cpu_s=0.5, end=SpanEnd.OK),
    )
    return BatchReport(
        results=results,
        spans=spans,
        recipe_name=EVIL,
        recipe_digest="0123456789abcdef",
        out_dir="/somewhere",
        started_at="2024-01-01T00:00:00+00:00",
        jobs=2,
        memory_budget_bytes=1 << 30,
        wall_s=2.5,
        start_up_s=0.5,
        closing_s=0.3,
        parent_cpu_s=0.01,
        licence_wait_s=0.05,
        memory_wait_s=0.02,
    )


class Links(HTMLParser):
    """Collects where a page points to, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in {"href", "src"}]


def test_stage_times_are_summed_over_what_this_batch_did(report: BatchReport) -> None:
    assert report.stage_s["decode"] == pytest.approx(1.5)
    assert report.stage_s["read"] == pytest.approx(0.3)
    assert list(report.stage_s) == [stage.value for stage in Stage]


def test_throughput_counts_what_was_developed(report: BatchReport) -> None:
    assert report.images_per_s == pytest.approx(2 / 2.5)
    assert report.megapixels_per_s == pytest.approx(24 / 2.5)
    assert report.megabytes_per_s == pytest.approx(50 / 2.5)


def test_the_lost_parts_add_up_to_the_loss_and_to_the_serial_fraction(report: BatchReport) -> None:
    assert sum(part.lost_s for part in report.lost_parts) == pytest.approx(2 * 2.5 - report.work_cpu_s)
    assert sum(part.fraction or 0 for part in report.lost_parts) == pytest.approx(report.serial_fraction)
    by_name = {part.name: part.lost_s for part in report.lost_parts}
    assert by_name["start-up"] == pytest.approx(0.5 + 0.6)
    assert by_name["imbalance"] == pytest.approx(2.2 - 1.7)
    assert by_name["closing"] == pytest.approx(2 * 0.3)
    assert by_name["memory"] + by_name["hand-over"] == pytest.approx(0.1 + 0.1)
    assert by_name["memory"] == pytest.approx(0.02)


def test_the_exit_code_tells_failures_and_in_strict_mode_suspects(report: BatchReport) -> None:
    good = replace(report, results=(report.results[0], report.results[3]))
    suspect = replace(report, results=(report.results[2],))
    assert report.exit_code == 1
    assert good.exit_code == 0
    assert suspect.exit_code == 0
    assert replace(suspect, strict=True).exit_code == 1


def test_json_holds_every_image_and_reads_back(report: BatchReport, tmp_path: Path) -> None:
    document = json.loads(write_json(report, tmp_path).read_text(encoding="utf-8"))
    assert document["schema"] == "rawmill-report/1"
    assert document["counts"] == {"total": 5, "ok": 2, "skipped": 1, "failed": 1, "cancelled": 1, "suspect": 1}
    assert [image["source"] for image in document["images"]] == [result.source for result in report.results]
    failed = document["images"][1]
    assert (failed["status"], failed["reason"], failed["stage"]) == ("failed", "truncated", "decode")
    for key in ("status", "verdict", "reason", "stage", "outputs", "timings"):
        assert all(key in image for image in document["images"])
    assert document["parallel"]["predicted"].keys() == {"2", "4", "8", "16", "32", "64"}
    assert document["parallel"]["serial_fraction"] == pytest.approx(report.serial_fraction)


def test_figures_that_are_not_defined_are_null_and_not_numbers(report: BatchReport, tmp_path: Path) -> None:
    for odd in (replace(report, jobs=1), BatchReport(results=())):
        document = json.loads(write_json(odd, tmp_path).read_text())
        assert document["parallel"]["serial_fraction"] is None
        assert document["parallel"]["predicted"] == {}
        write_html(odd, tmp_path)
        write_contact_sheet(odd, tmp_path)


def test_no_name_breaks_out_of_a_page(report: BatchReport, tmp_path: Path) -> None:
    for write in (write_html, write_contact_sheet):
        page = write(report, tmp_path).read_text(encoding="utf-8")
        assert "<script" not in page
        assert "script" not in Links(page).tags
        assert "{{ 7*7 }}" in page


def test_pages_load_nothing_but_the_renditions_they_link_to(report: BatchReport, tmp_path: Path) -> None:
    renditions = {os.fsencode(out.path) for result in report.results for out in result.outputs}
    for write in (write_html, write_contact_sheet):
        page = write(report, tmp_path).read_text(encoding="utf-8")
        targets = [target for target in Links(page).targets if not target.startswith("#")]
        assert {unquote_to_bytes(target) for target in targets} <= renditions | {b"report.html", b"contact_sheet.html"}
        assert renditions <= {unquote_to_bytes(target) for target in targets}
        assert not re.search(r"@import|url\(\s*['\"]?http", page)


def test_the_contact_sheet_shows_every_image_failures_with_reason_and_sentence(
    report: BatchReport, tmp_path: Path
) -> None:
    page = write_contact_sheet(report, tmp_path).read_text(encoding="utf-8")
    assert page.count('class="frame"') == 5
    assert page.count("<img") == 2
    assert "truncated" in page
    assert "cut short: &lt;script&gt;" in page
    assert 'src="gr%FC%DFe%20%231%3F.nef.thumb.jpg"' in page


def test_the_plots_take_their_colours_from_the_page(report: BatchReport, tmp_path: Path) -> None:
    page = write_html(report, tmp_path).read_text(encoding="utf-8")
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 2
    for drawing in drawings:
        assert "var(--ink)" in drawing
        assert not re.search(r"(fill|stroke): ?#(?!none)", drawing)


def test_every_stage_that_took_time_has_a_bar_and_the_longest_fills_its_track(
    report: BatchReport, tmp_path: Path
) -> None:
    page = write_html(report, tmp_path).read_text(encoding="utf-8")
    bars = re.search(r'<div class="bars".*?</div>', page, flags=re.DOTALL)
    assert bars is not None
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", bars[0])]
    assert widths == [pytest.approx(20.0), pytest.approx(100.0), pytest.approx(100 * 0.4 / 1.5, abs=0.01)]
    assert "1.50 s · 68%" in bars[0]
    idle = write_html(replace(report, results=()), tmp_path).read_text(encoding="utf-8")
    assert "No image was developed." in idle


def test_a_timeline_of_thousands_of_images_stays_small(report: BatchReport, tmp_path: Path) -> None:
    spans = tuple(
        Span(slot=slot, index=0, start_s=at / 100, end_s=at / 100 + 0.0099, cpu_s=0.01, end=SpanEnd.OK)
        for slot in range(2)
        for at in range(5000)
    )
    page = write_html(replace(report, spans=spans, wall_s=51.0), tmp_path)
    assert page.stat().st_size < 200_000


def test_reports_replace_older_ones_whole_and_can_be_read_by_others(report: BatchReport, tmp_path: Path) -> None:
    for _ in range(2):
        path = write_json(report, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_that_cannot_be_written_is_told_by_name(report: BatchReport) -> None:
    with pytest.raises(UsageError, match=r"/proc/report\.json.*cannot be written"):
        write_json(report, Path("/proc"))


def test_names_are_shown_and_linked_as_they_can_be() -> None:
    assert shown(RAW_NAME) == "gr\ufffd\ufffde #1?.nef"
    assert href("a b/c#d.jpg") == "a%20b/c%23d.jpg"


@pytest.mark.parametrize(
    ("value", "text"), [(0.0123, "12 ms"), (0.99961, "1.00 s"), (12.3456, "12.35 s"), (125, "2 min 5 s")]
)
def test_durations_read_well(value: float, text: str) -> None:
    assert seconds(value) == text
