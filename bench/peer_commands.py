"""How other programs do the job: their command lines, as kind to them as the job allows."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from bench.job import BLUR_PX, LOGO_MARGIN, LOGO_OPACITY, LOGO_SCALE, QUALITY, SHARPEN_PERCENT, SHARPEN_RADIUS_PX, Job
from bench.scale import Size

Command = list[str]
Tools = dict[str, str]
"""Path by the program's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program and how to make sure that it is the one that its name promises.

    Attributes:
        names: that it may be installed under.
        ask: arguments that make it say what it is.
        says: words of its answer.
    """

    names: tuple[str, ...]
    ask: tuple[str, ...]
    says: str


DCRAW = Program(names=("dcraw_emu",), ask=(), says="dcraw emulator")
VIPS = Program(names=("vips",), ask=("--version",), says="vips-8")
MAGICK = Program(names=("magick", "convert"), ask=("--version",), says="Version: ImageMagick")
RAWTHERAPEE = Program(names=("rawtherapee-cli",), ask=("-v",), says="RawTherapee, version")
DARKTABLE = Program(names=("darktable-cli",), ask=("--version",), says="darktable-cli")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A way to do the job with other programs.

    Attributes:
        name: as the table shows it.
        programs: what it needs, by the key under which `commands` finds their paths.
        commands: what is run for one original of a given size.
        note: what it does more or less than the job.
    """

    name: str
    programs: dict[str, Program]
    commands: Callable[[Job, Size, Tools], list[Command]]
    note: str


def prepare(job: Job, size: Size) -> None:
    """What is not timed: folder, profiles, and the logo in every size and opacity, which ours scales by itself."""
    job.out_dir.mkdir(parents=True, exist_ok=True)
    with Image.open(job.logo) as opened:
        logo = opened.convert("RGBA")
    for name in job.long_edges_px:
        place = _place(job, size, name)
        scaled = logo.resize((place.width, place.height), Image.Resampling.LANCZOS)
        scaled.putalpha(scaled.getchannel("A").point(lambda alpha: round(alpha * LOGO_OPACITY)))
        scaled.save(job.out_dir / f"logo-{name}.png")
        (job.out_dir / f"{name}.pp3").write_text(_rawtherapee_profile(job.long_edges_px[name]), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Place:
    """Size of the logo and where it stands, in pixels."""

    width: int
    height: int
    left: int
    top: int
    gap: int


def _place(job: Job, size: Size, rendition: str) -> _Place:
    ratio = job.long_edges_px[rendition] / max(size)
    width, height = round(size[0] * ratio), round(size[1] * ratio)
    with Image.open(job.logo) as opened:
        scale = max(1, round(LOGO_SCALE * min(width, height))) / max(opened.size)
        logo = max(1, round(opened.width * scale)), max(1, round(opened.height * scale))
    gap = round(LOGO_MARGIN * min(width, height))
    return _Place(*logo, width - logo[0] - gap, height - logo[1] - gap, gap)


def _dcraw(job: Job, tools: Tools, options: tuple[str, ...]) -> tuple[Command, Path]:
    """Develop to a PPM; the folder links to the original, because the program writes beside it."""
    link = job.out_dir / "original.dng"
    if not link.exists():
        link.symlink_to(job.source.absolute())
    return [tools["dcraw"], "-w", "-W", "-c", "0", "-g", "2.4", "12.92", *options, str(link)], Path(f"{link}.ppm")


def _dcraw_and_vips(*options: str) -> Callable[[Job, Size, Tools], list[Command]]:
    def commands(job: Job, size: Size, tools: Tools) -> list[Command]:
        develop, picture = _dcraw(job, tools, options)
        return [develop, *_vips(job, size, tools["vips"], picture)]

    return commands


def _vips_alone(job: Job, size: Size, tools: Tools) -> list[Command]:
    return _vips(job, size, tools["vips"], job.source)


def _vips(job: Job, size: Size, vips: str, picture: Path) -> list[Command]:
    """Each size from the one above it, through uncompressed files."""
    commands = []
    for name, long_edge_px in job.long_edges_px.items():
        place = _place(job, size, name)
        clean, blurred, sharp, marked = (str(job.out_dir / f"{name}-{step}.v") for step in ("0", "1", "2", "3"))
        logo, jpeg = str(job.out_dir / f"logo-{name}.png"), str(job.out_dir / f"{name}.jpg")
        commands += [
            [vips, "thumbnail", str(picture), clean, str(long_edge_px)],
            [vips, "gaussblur", clean, blurred, str(BLUR_PX)],
            [vips, "sharpen", blurred, sharp, "--sigma", str(SHARPEN_RADIUS_PX), "--m2", str(SHARPEN_PERCENT / 100)],
            [vips, "composite2", sharp, logo, marked, "over", "--x", str(place.left), "--y", str(place.top)],
            [vips, "jpegsave", marked, jpeg, "--Q", str(QUALITY)],
        ]
        picture = Path(clean)
    return commands


def _magick_alone(job: Job, size: Size, tools: Tools) -> list[Command]:
    return [_magick(job, size, tools["magick"], job.source)]


def _dcraw_and_magick(job: Job, size: Size, tools: Tools) -> list[Command]:
    develop, picture = _dcraw(job, tools, ("-q", "3"))
    return [develop, _magick(job, size, tools["magick"], picture)]


def _magick(job: Job, size: Size, magick: str, picture: Path) -> Command:
    """One command, each size from the one above it."""
    command = [magick, str(picture)]
    for name, long_edge_px in job.long_edges_px.items():
        gap = _place(job, size, name).gap
        command += ["-resize", f"{long_edge_px}x{long_edge_px}", "(", "-clone", "0", "-blur", f"0x{BLUR_PX}"]
        command += ["-unsharp", f"0x{SHARPEN_RADIUS_PX}+{SHARPEN_PERCENT / 100}+0"]
        command += [str(job.out_dir / f"logo-{name}.png"), "-gravity", "SouthEast", "-geometry", f"+{gap}+{gap}"]
        command += ["-composite", "-quality", str(QUALITY), "-sampling-factor", "2x2"]
        command += ["-write", str(job.out_dir / f"{name}.jpg"), "+delete", ")"]
    return [*command, "null:"]


def _rawtherapee(job: Job, _size: Size, tools: Tools) -> list[Command]:
    return [
        [tools["rawtherapee"], "-q", "-o", str(job.out_dir / f"{name}.jpg"), "-p", str(job.out_dir / f"{name}.pp3"),
         f"-j{QUALITY}", "-js1", "-Y", "-f", "-c", str(job.source)]
        for name in job.long_edges_px
    ]  # fmt: skip


def _rawtherapee_profile(long_edge_px: int) -> str:
    return (
        "[Version]\nAppVersion=5.9\nVersion=349\n"
        "[RAW Bayer]\nMethod=fast\n"
        f"[Sharpening]\nEnabled=true\nMethod=usm\nRadius={SHARPEN_RADIUS_PX}\nAmount={SHARPEN_PERCENT}\n"
        "[Resize]\nEnabled=true\nScale=1\nAppliesTo=Full image\nMethod=Lanczos\nDataSpecified=3\n"
        f"Width={long_edge_px}\nHeight={long_edge_px}\n"
    )


def _darktable(job: Job, _size: Size, tools: Tools) -> list[Command]:
    return [
        [tools["darktable"], str(job.source), str(job.out_dir / f"{name}.jpg"),
         "--width", str(pixels), "--height", str(pixels), "--hq", "0", "--core", "-t", "1", "--library", ":memory:",
         "--configdir", str(job.out_dir / "darktable"), "--cachedir", str(job.out_dir / "darktable"),
         "--conf", f"plugins/imageio/format/jpeg/quality={QUALITY}"]
        for name, pixels in job.long_edges_px.items()
    ]  # fmt: skip


PEERS = (
    Peer(
        name="dcraw_emu half-size + vips",
        programs={"dcraw": DCRAW, "vips": VIPS},
        commands=_dcraw_and_vips("-h"),
        note="red and blue half a pixel out of phase",
    ),
    Peer(
        name="dcraw_emu AHD + vips",
        programs={"dcraw": DCRAW, "vips": VIPS},
        commands=_dcraw_and_vips("-q", "3"),
        note="the whole job",
    ),
    Peer(
        name="dcraw_emu AHD + ImageMagick",
        programs={"dcraw": DCRAW, "magick": MAGICK},
        commands=_dcraw_and_magick,
        note="the whole job",
    ),
    Peer(
        name="ImageMagick alone",
        programs={"magick": MAGICK},
        commands=_magick_alone,
        note="the whole job, with its own delegate for RAW files",
    ),
    Peer(
        name="vips alone", programs={"vips": VIPS}, commands=_vips_alone, note="the whole job, RAW file opened by vips"
    ),
    Peer(
        name="RawTherapee, fast demosaic",
        programs={"rawtherapee": RAWTHERAPEE},
        commands=_rawtherapee,
        note="three runs; sharpening, no blur, no logo; richer colour than the job asks for",
    ),
    Peer(
        name="darktable",
        programs={"darktable": DARKTABLE},
        commands=_darktable,
        note="three runs; its default edit, no logo; richer colour than the job asks for",
    ),
)
