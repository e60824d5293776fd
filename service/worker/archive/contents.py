"""What an archive holds: its entries, the manifest that lists them, and the report, from the rows of a job."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from processor.errors import ReasonCode
from processor.report.model import BatchReport
from processor.report.pages import CONTACT_SHEET_NAME, REPORT_NAME, href, mib, seconds, shown, write_contact_sheet
from processor.result import ImageResult, Output, Status
from processor.types import Verdict
from service.jobs.reasons import ServiceReason
from service.worker.archive.names import EntryNames
from service.worker.archive.rows import ImageRow, JobRow

MANIFEST_NAME = "manifest.json"
REPORT_DATA_NAME = "report.json"
MANIFEST_SCHEMA = "rawmill-manifest/1"
REPORT_SCHEMA = "rawmill-job-report/1"
FOLDER = "renditions"
"""Renditions have a folder of their own: a customer's file cannot take the name of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A rendition in the archive: its name there and its object in the results bucket."""

    name: str
    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything but the renditions' bytes."""

    job: JobRow
    entries: tuple[Entry, ...]
    results: tuple[ImageResult, ...]


def list_contents(job: JobRow, images: Iterable[ImageRow]) -> Contents:
    """Name every rendition `renditions/STEM.RENDITION.EXT`, after the customer's file."""
    names = EntryNames()
    entries: list[Entry] = []
    results: list[ImageResult] = []
    for image in images:
        stem = names.stem(image.name)
        outputs = []
        for made in image.outputs:
            name = f"{FOLDER}/{stem}.{made['rendition']}{PurePosixPath(made['key']).suffix}"
            entries.append(Entry(name=name, key=made["key"], size_bytes=made["size_bytes"]))
            outputs.append(
                Output(
                    rendition=made["rendition"],
                    path=name,
                    width_px=made["width_px"],
                    height_px=made["height_px"],
                    size_bytes=made["size_bytes"],
                )
            )
        results.append(_result(image, tuple(outputs)))
    return Contents(job=job, entries=tuple(entries), results=tuple(results))


def write_pages(contents: Contents, folder: Path) -> tuple[Path, ...]:
    """Write manifest, report and contact sheet into a folder; returns their paths."""
    report = BatchReport(
        results=contents.results,
        recipe_name=contents.job.recipe_name,
        recipe_digest=contents.job.recipe_digest,
        started_at=contents.job.started_at,
        wall_s=contents.job.wall_s,
    )
    manifest, data, page = folder / MANIFEST_NAME, folder / REPORT_DATA_NAME, folder / REPORT_NAME
    manifest.write_text(_as_json(_manifest(contents)), encoding="utf-8")
    data.write_text(_as_json(_report(contents, report)), encoding="utf-8")
    page.write_text(_page(contents, report), encoding="utf-8", errors="backslashreplace")
    return manifest, data, page, write_contact_sheet(report, folder)


def _manifest(contents: Contents) -> dict[str, Any]:
    return {
        "schema": MANIFEST_SCHEMA,
        "job": asdict(contents.job),
        "images": [
            {
                "name": result.source,
                "status": "completed" if result.status is Status.OK else "failed",
                "error_code": None if result.reason is None else result.reason.value,
                "error_message": result.message,
                "renditions": [asdict(output) for output in result.outputs],
            }
            for result in contents.results
        ],
    }


def _report(contents: Contents, report: BatchReport) -> dict[str, Any]:
    return {
        "schema": REPORT_SCHEMA,
        "job": asdict(contents.job),
        "counts": {
            "total": len(report.results),
            "completed": report.count(Status.OK),
            "failed": report.count(Status.FAILED),
            "suspect": report.suspects,
        },
        "stages_s": report.stage_s,
        "failures": [
            {"name": result.source, "error_code": result.reason, "error_message": result.message}
            for result in report.results
            if result.status is Status.FAILED
        ],
        "images": [
            {
                "name": result.source,
                "verdict": result.verdict,
                "evidence": result.evidence,
                "size_bytes": result.size_bytes,
                "attempts": result.attempts,
                "timings": result.timings,
            }
            for result in report.results
        ],
    }


def _page(contents: Contents, report: BatchReport) -> str:
    # Every child imports this module; only who writes an archive needs the templates.
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined  # noqa: PLC0415

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("service.worker.archive"), PackageLoader("processor.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=shown, href=href, seconds=seconds, mib=mib)
    return environment.get_template("job_report.html.j2").render(
        job=contents.job,
        report=report,
        Status=Status,
        contact_sheet=CONTACT_SHEET_NAME,
        failures=[result for result in report.results if result.status is Status.FAILED],
    )


def _result(image: ImageRow, outputs: tuple[Output, ...]) -> ImageResult:
    failed = image.status != "completed"
    return ImageResult(
        source=image.name,
        status=Status.FAILED if failed else Status.OK,
        verdict=None if image.verdict is None else Verdict(image.verdict),
        evidence=tuple(image.evidence),
        reason=_reason(image.error_code) if failed else None,
        message=image.error_message if failed else None,
        size_bytes=image.size_bytes,
        outputs=outputs,
        timings=image.timings,
        attempts=image.attempts,
    )


def _reason(code: str | None) -> ReasonCode:
    try:
        return ReasonCode(code or "")
    except ValueError:
        # Reports only show the code; one of the service's own reads the same way as one of the processor's.
        return cast("ReasonCode", ServiceReason(code or ServiceReason.WORKER_LOST))


def _as_json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=True) + "\n"
