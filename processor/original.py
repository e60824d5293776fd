"""Opening an original: what the header says, checked before any pixel is read."""

import errno
import mmap
import stat
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import rawpy

from processor.errors import ImageError, ReasonCode, Stage
from processor.header import SQUARE_PIXELS, ImageHeader
from processor.libraw import LibRawFacts, read_facts, words_of
from processor.limits import Limits
from processor.preview import read_preview_size
from processor.sniff import explain_refusal
from processor.unpack.dng import RawImage, read_raw_image

_EXIF_OF_FLIP = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
"""EXIF orientation of LibRaw's `flip`: bit 0 mirrors, bit 1 turns upside down, bit 2 exchanges rows and columns."""

_LARGEST_SUPER_CCD = 16_000_000
"""Fujifilm's Bayer sensors below this size are laid out at 45°; LibRaw turns them while it develops."""


@dataclass(slots=True)
class Original:
    """An opened RAW file: header read, no pixel decoded. A context manager that closes it.

    Attributes:
        path: where it lies.
        header: what it says of itself.
        raw: rawpy's handle. Most of its properties unpack the whole file when touched.
        window: top, left, height and width of the visible area, as they were on opening; LibRaw halves its own
            record of them when it develops at half size.
        facts: LibRaw's answers that need no unpacking, or None where they cannot be had.
        dng: the raw image's place and levels, when the file is a DNG with exactly one.
    """

    path: Path
    header: ImageHeader
    raw: rawpy.RawPy
    window: tuple[int, int, int, int]
    facts: LibRawFacts | None
    dng: RawImage | None
    _closed: bool = field(default=False, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file and LibRaw's memory back. Arrays of rawpy's raw image must not be used afterwards."""
        if not self._closed:
            self._closed = True
            self.raw.close()


def open_original(path: Path, *, limits: Limits) -> Original:
    """Open a RAW file and check its header against the limits and against itself.

    Raises:
        ImageError: at stage READ, with one of UNREADABLE, NOT_AN_IMAGE, UNSUPPORTED_CODEC, TRUNCATED, DAMAGED,
            TOO_LARGE or OUT_OF_MEMORY.
    """
    size_bytes = _check_file(path, limits)
    raw = rawpy.RawPy()
    try:
        _open(raw, path)
        return _describe(raw, path, size_bytes, limits)
    except BaseException:
        raw.close()
        raise


def _refuse(reason: ReasonCode, message: str) -> ImageError:
    return ImageError(reason, message, stage=Stage.READ)


def _check_file(path: Path, limits: Limits) -> int:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device, pipe or socket"
            raise _refuse(ReasonCode.UNREADABLE, f"{path.name} is {kind}; a regular file is needed")
        with path.open("rb"):
            pass
    except OSError as error:
        if isinstance(error, FileNotFoundError) and path.is_symlink():
            target = path.readlink()
            raise _refuse(ReasonCode.UNREADABLE, f"{path.name} is a link to {target}, which does not exist") from error
        why = (error.strerror or str(error)).lower()
        raise _refuse(ReasonCode.UNREADABLE, f"{path.name} cannot be opened: {why}") from error
    if status.st_size == 0:
        raise _refuse(ReasonCode.NOT_AN_IMAGE, f"{path.name} is empty")
    if status.st_size > limits.max_file_bytes:
        raise _refuse(
            ReasonCode.TOO_LARGE,
            f"{path.name} has {status.st_size} bytes; at most {limits.max_file_bytes} are allowed",
        )
    return status.st_size


def _open(raw: rawpy.RawPy, path: Path) -> None:
    try:
        try:
            raw.open_file(str(path))
        except UnicodeEncodeError:  # rawpy passes names as UTF-8; a name in another encoding needs the bytes
            with path.open("rb") as file:
                raw.open_buffer(file)
    except rawpy.LibRawTooBigError as error:
        raise _refuse(ReasonCode.TOO_LARGE, f"{path.name} claims more pixels than LibRaw accepts") from error
    except (rawpy.LibRawUnsufficientMemoryError, rawpy.LibRawMemPoolOverflowError, MemoryError) as error:
        raise _refuse(ReasonCode.OUT_OF_MEMORY, f"{path.name}: not enough memory to read the header") from error
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawIOError, rawpy.LibRawDataError) as error:
        raise explain_refusal(path, damaged=isinstance(error, rawpy.LibRawDataError)) from error
    except rawpy.LibRawError as error:
        raise _refuse(ReasonCode.DAMAGED, f"{path.name} cannot be opened: {words_of(error)}") from error
    except OSError as error:
        reason = ReasonCode.OUT_OF_MEMORY if error.errno == errno.ENOMEM else ReasonCode.UNREADABLE
        raise _refuse(reason, f"{path.name} cannot be read: {error}") from error


def _describe(raw: rawpy.RawPy, path: Path, size_bytes: int, limits: Limits) -> Original:
    sizes = raw.sizes
    stored = sizes.raw_width * sizes.raw_height
    if stored > limits.max_pixels:
        raise _refuse(
            ReasonCode.TOO_LARGE,
            f"{path.name} has {sizes.raw_width} × {sizes.raw_height} = {stored} pixels; "
            f"at most {limits.max_pixels} are allowed",
        )
    right, bottom = sizes.left_margin + sizes.width, sizes.top_margin + sizes.height
    if min(sizes.width, sizes.height) < 1 or right > sizes.raw_width or bottom > sizes.raw_height:
        raise _refuse(
            ReasonCode.DAMAGED,
            f"{path.name} shows {sizes.width} × {sizes.height} pixels from ({sizes.left_margin}, {sizes.top_margin}), "
            f"which do not lie within its {sizes.raw_width} × {sizes.raw_height}",
        )
    if sizes.flip not in _EXIF_OF_FLIP:
        raise _refuse(ReasonCode.DAMAGED, f"{path.name} has orientation code {sizes.flip}; 0 to 7 are allowed")
    facts = read_facts(path, raw)
    dng = _read_dng(path)
    bayer = _bayer(facts)
    header = ImageHeader(
        size_bytes=size_bytes,
        width_px=sizes.width,
        height_px=sizes.height,
        raw_width_px=sizes.raw_width,
        raw_height_px=sizes.raw_height,
        orientation=_EXIF_OF_FLIP[sizes.flip],
        pixel_aspect=sizes.pixel_aspect,
        bayer=bayer,
        preview_px=read_preview_size(raw, sizes.width, sizes.height * _height_of_pixel(sizes.pixel_aspect)),
        fast_unpack=_fast_unpack(dng, facts, sizes),
        make=facts.make if facts else "",
        model=facts.model if facts else "",
        plain=bayer is not None and facts is not None and _is_plain(facts, sizes),
    )
    window = (sizes.top_margin, sizes.left_margin, sizes.height, sizes.width)
    return Original(path=path, header=header, raw=raw, window=window, facts=facts, dng=dng)


def _height_of_pixel(aspect: float) -> float:
    return 1.0 / aspect if aspect > 0 else 1.0


def _is_plain(facts: LibRawFacts, sizes: rawpy.ImageSizes) -> bool:
    """Whether our kernels develop the file as LibRaw does.

    They need square pixels on an upright grid, the camera's white balance (LibRaw would guess one from the picture), a
    matrix to sRGB (without one LibRaw writes camera colours), and a black level that LibRaw does not compute per row.
    """
    red, _, blue, _ = facts.camera_balance
    balanced = red > 1e-5 and blue > 1e-5
    identity = all(abs(facts.camera_to_srgb[i][j] - (i == j)) < 1e-6 for i in range(3) for j in range(3))
    square = SQUARE_PIXELS[0] <= sizes.pixel_aspect <= SQUARE_PIXELS[1]
    make = facts.make.lower()
    turned = make.startswith("fuji") and sizes.raw_width * sizes.raw_height < _LARGEST_SUPER_CCD
    rows_of_black = make.startswith(("phase one", "leaf"))
    return balanced and not identity and square and not turned and not rows_of_black


def _bayer(facts: LibRawFacts | None) -> tuple[int, int, int, int] | None:
    if facts is None or facts.colours != 3 or not facts.mosaic:
        return None
    block = facts.mosaic[:4]
    if facts.mosaic != block * 4 or sorted(block) != [0, 1, 2, 3]:
        return None
    greens_touch = {block.index(1), block.index(3)} not in ({0, 3}, {1, 2})
    return None if greens_touch else (block[0], block[1], block[2], block[3])


def _read_dng(path: Path) -> RawImage | None:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            return read_raw_image(view, path.name)
        finally:
            view.release()


def _fast_unpack(dng: RawImage | None, facts: LibRawFacts | None, sizes: rawpy.ImageSizes) -> str | None:
    if dng is None or facts is None or dng.form is None:
        return None
    agrees = (dng.width, dng.height) == (sizes.raw_width, sizes.raw_height) and dng.white == facts.white_level
    return dng.form if agrees else None
