"""report.json: the batch for programs. The schema is versioned; fields are added, never renamed, within a version.

Top level:
    schema          "rawmill-report/1"
    started_at      ISO 8601, UTC
    recipe          name, digest
    inputs, out_dir what was named, absolute output folder
    stopped         why the batch ended early, or null
    exit_code       0 all images are there, 1 some are not (with --strict: or are suspect), 130 interrupted
    counts          total, ok, skipped, failed, cancelled, suspect
    time            wall_s, discovery_s, start_up_s, closing_s, stages_s (sum over images by stage)
    cpu             workers_s, start_up_s, parent_s, parent_share (of all processor time)
    throughput      images_per_s, megapixels_per_s, megabytes_per_s (images developed, not skipped)
    memory          budget_bytes, peak_bytes (largest worker process), waited_s
    isolation       missing: what the workers were not kept from, and why
    licences        waited_s
    parallel        jobs, speed_up, serial_fraction (Karp-Flatt), amdahl_limit, predicted (cores to speed-up), parts;
                    figures are null where they are not defined, as on one job
    attempts        timeline: slot, image (index into images), start_s, end_s, cpu_s, end
    images          source, status, verdict, evidence, reason, stage, message, decode_path, megapixels, size_bytes,
                    outputs (rendition, path, width_px, height_px, size_bytes), timings (seconds by stage), cpu_s,
                    peak_memory_bytes, attempts
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from processor.report.files import write_whole
from processor.report.model import BatchReport
from processor.result import Status

SCHEMA = "rawmill-report/1"
FILE_NAME = "report.json"


def as_document(report: BatchReport) -> dict[str, Any]:
    """The report as plain values, ready for json."""
    all_cpu_s = report.work_cpu_s + report.start_up_cpu_s
    return {
        "schema": SCHEMA,
        "started_at": report.started_at,
        "recipe": {"name": report.recipe_name, "digest": report.recipe_digest},
        "inputs": list(report.inputs),
        "out_dir": report.out_dir,
        "stopped": report.stopped,
        "exit_code": report.exit_code,
        "counts": {
            "total": len(report.results),
            **{status.value: report.count(status) for status in Status},
            "suspect": report.suspects,
        },
        "time": {
            "wall_s": report.wall_s,
            "discovery_s": report.discovery_s,
            "start_up_s": report.start_up_s,
            "closing_s": report.closing_s,
            "stages_s": report.stage_s,
        },
        "cpu": {
            "workers_s": report.worker_cpu_s,
            "start_up_s": report.start_up_cpu_s,
            "parent_s": report.parent_cpu_s,
            "parent_share": report.parent_cpu_s / all_cpu_s if all_cpu_s > 0 else None,
        },
        "throughput": {
            "images_per_s": report.images_per_s,
            "megapixels_per_s": report.megapixels_per_s,
            "megabytes_per_s": report.megabytes_per_s,
        },
        "memory": {
            "budget_bytes": report.memory_budget_bytes,
            "peak_bytes": report.peak_memory_bytes,
            "waited_s": report.memory_wait_s,
        },
        "isolation": {"missing": list(report.not_isolated)},
        "licences": {"waited_s": report.licence_wait_s},
        "parallel": {
            "jobs": report.jobs,
            "speed_up": report.speed_up,
            "serial_fraction": report.serial_fraction,
            "amdahl_limit": report.amdahl_limit,
            "predicted": {str(cores): value for cores, value in report.predicted.items()},
            "parts": [asdict(part) for part in report.lost_parts],
        },
        "attempts": [
            {
                "slot": span.slot,
                "image": span.index,
                "start_s": span.start_s,
                "end_s": span.end_s,
                "cpu_s": span.cpu_s,
                "end": span.end.value,
            }
            for span in report.spans
        ],
        "images": [asdict(result) for result in report.results],
    }


def write_json(report: BatchReport, out_dir: Path) -> Path:
    """Write report.json into the output folder, whole or not at all; returns its path.

    Names that are not valid Unicode keep their bytes as escaped surrogates, which Python's json reads back.

    Raises:
        UsageError: the folder cannot be written.
    """
    return write_whole(out_dir / FILE_NAME, json.dumps(as_document(report), indent=1, allow_nan=False) + "\n")
