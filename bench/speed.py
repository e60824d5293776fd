"""The main table: the processor's tiers against the naive baseline on four originals, quality and memory beside it."""

from dataclasses import replace
from typing import Literal

from rich.console import Console
from rich.table import Table

from bench import naive, ours
from bench.inputs import Compression
from bench.job import Job
from bench.measure import Series, Worker, all_closed, interleaved
from bench.part import Bench, Figures, Target, spread, times
from bench.quality import psnr_db, read_picture, ssim
from processor.types import Tier

INPUTS: dict[str, tuple[Literal["large_px", "medium_px"], Compression]] = {
    "45-none": ("large_px", "none"),
    "45-ljpeg": ("large_px", "lossless-jpeg"),
    "24-none": ("medium_px", "none"),
    "24-ljpeg": ("medium_px", "lossless-jpeg"),
}
_WHOLE = {"standard": Tier.STANDARD, "best": Tier.BEST}
_AFTER_DECODE = ("resize", "filters", "watermark", "encode", "store")


def run(bench: Bench) -> Figures:
    """Every design on every original, interleaved."""
    originals = {}
    for key, (size, compression) in INPUTS.items():
        width, height = getattr(bench.scale, size)
        source = bench.sample((width, height), compression)
        form = "uncompressed" if compression == "none" else "lossless JPEG"
        title = f"{width * height / 1e6:.0f} MP, {form}"
        originals[key] = {
            "title": title,
            "width_px": width,
            "height_px": height,
            "size_bytes": source.stat().st_size,
            "designs": _measure(bench, key, title, bench.job(source, key)),
        }
    return {"originals": originals}


def _measure(bench: Bench, key: str, title: str, whole: Job) -> Figures:
    def at(name: str, job: Job = whole) -> Job:
        return replace(job, out_dir=bench.out(f"{key}/{name}"))

    thumb = whole.thumb_only()
    workers = {
        "naive": Worker(naive.make, at("naive")),
        **{name: Worker(ours.make, at(name), tier) for name, tier in _WHOLE.items()},
        "naive-thumb": Worker(naive.make, at("naive-thumb", thumb)),
        "fast": Worker(ours.make, at("fast", thumb), Tier.FAST),
    }
    with all_closed(workers):
        series = interleaved(workers, rounds=bench.scale.rounds, tell=lambda what: bench.tell(f"{title}: {what}"))
    figures = {}
    for name, of in series.items():
        against = "naive-thumb" if name == "fast" else "naive"
        figures[name] = _figures(of, series[against])
        if name in _WHOLE:
            figures[name]["quality"] = _quality(at("naive"), at(name))
            if INPUTS[key][1] == "none":  # the compressed twin holds the same pixels
                bench.tell(f"{title}: comparing {name} before encoding")
                theirs, mine = (replace(at(f"{design}-png"), lossless=True) for design in ("naive", name))
                figures[name]["before_encoding"] = _quality_before_encoding(theirs, mine, _WHOLE[name])
    return figures


def _figures(series: Series, baseline: Series) -> Figures:
    stages = series.stages()
    return {
        "cpu_s": spread(series.cpu_s),
        "ratio": spread(series.ratio_to(baseline)),
        "peak_bytes": series.peak_bytes,
        "stages_s": stages,
        "after_decode_s": sum(stages.get(stage, 0.0) for stage in _AFTER_DECODE),
    }


def _quality(theirs: Job, mine: Job, suffix: str = "jpg") -> Figures:
    """PSNR and SSIM of every rendition against the baseline's own."""
    quality = {}
    for rendition in mine.long_edges_px:
        pictures = [read_picture(job.out_dir / f"{rendition}.{suffix}") for job in (theirs, mine)]
        quality[rendition] = {"psnr_db": psnr_db(*pictures), "ssim": ssim(*pictures)}
    return quality


def _quality_before_encoding(theirs: Job, mine: Job, tier: Tier) -> Figures:
    """The same of pictures that were stored without loss, in one more run of each design that is not timed."""
    for worker in (Worker(naive.make, theirs), Worker(ours.make, mine, tier)):
        with worker:
            worker.run()
    return _quality(theirs, mine, "png")


def show(figures: Figures, console: Console) -> None:
    """The main table and the table of stages."""
    table = Table(title="CPU seconds per image against `naive` (median, ratios by round: median (range))")
    for column in (
        "original",
        "design",
        "CPU s",
        "naive / design",
        "dB 4K · 1080p · thumb",
        "before encoding",
        "SSIM 4K",
        "peak MB",
    ):
        table.add_column(column, justify="left" if column in {"original", "design"} else "right")
    for original in figures["originals"].values():
        for name, design in original["designs"].items():
            quality, before = design.get("quality", {}), design.get("before_encoding", {})
            table.add_row(
                original["title"],
                name,
                f"{design['cpu_s']['median']:.3f}",
                "1" if name.startswith("naive") else times(design["ratio"]),
                _decibels(quality),
                _decibels(before),
                f"{quality['4k']['ssim']:.4f}" if quality else "–",
                f"{design['peak_bytes'] / 1e6:.0f}",
            )
        table.add_section()
    console.print(table)
    for original in figures["originals"].values():
        console.print(_stage_table(original))


def _decibels(quality: Figures) -> str:
    return " · ".join(f"{rendition['psnr_db']:.1f}" for rendition in quality.values()) or "–"


def _stage_table(original: Figures) -> Table:
    designs = {name: original["designs"][name] for name in ("naive", *_WHOLE)}
    table = Table(title=f"{original['title']}: CPU seconds by stage")
    table.add_column("stage")
    for name in designs:
        table.add_column(name, justify="right")
    for stage in ("read", "decode", *_AFTER_DECODE):
        table.add_row(
            stage,
            *(f"{d['stages_s'][stage]:.3f}" if stage in d["stages_s"] else "–" for d in designs.values()),
        )
    table.add_row("after decode", *(f"{d['after_decode_s']:.3f}" for d in designs.values()), end_section=True)
    return table


def targets(figures: Figures) -> list[Target]:
    """As the goals of the processor name them."""
    originals = figures["originals"]
    wanted = []
    for key, needed, hoped, needed_db in (
        ("45-none", 13.0, 24.0, 42.0),
        ("45-ljpeg", 4.4, 8.0, 42.0),
        ("24-none", 5.0, 9.0, 44.0),
        ("24-ljpeg", None, None, 44.0),
    ):
        if key not in originals:
            continue
        title, design = originals[key]["title"], originals[key]["designs"]["standard"]
        if needed is not None:
            wanted.append(
                Target(
                    what=f"standard, {title}: naive / standard",
                    measured=design["ratio"]["median"],
                    needed=needed,
                    hoped=hoped,
                )
            )
        # Two encoders' rounding lies between decoded files, whoever made the pixels: both figures are judged.
        for measure, where in (("before_encoding", "pixels"), ("quality", "decoded JPEGs")):
            if measure in design:
                wanted.append(
                    Target(
                        what=f"standard, {title}: PSNR of {where} against naive's, 4K and 1080p",
                        measured=min(design[measure][rendition]["psnr_db"] for rendition in ("4k", "1080p")),
                        needed=needed_db,
                        unit="dB",
                    )
                )
        wanted.append(
            Target(
                what=f"standard, {title}: peak memory of the process",
                measured=design["peak_bytes"] / 1e6,
                needed=350,
                unit="MB",
                at_most=True,
            )
        )
    for key, original in originals.items():
        best, baseline, fast = (original["designs"][name] for name in ("best", "naive", "fast"))
        if key == "45-none":
            wanted.append(
                Target(
                    what=f"best, {original['title']}: everything after decoding, naive / best",
                    measured=baseline["after_decode_s"] / best["after_decode_s"],
                    needed=5,
                )
            )
        wanted.append(
            Target(
                what=f"fast, {original['title']}: thumbnail only, naive / fast",
                measured=fast["ratio"]["median"],
                needed=20,
            )
        )
    return wanted
