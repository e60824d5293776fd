"""Our own demosaicing kernels: sensor values to 8-bit RGB in one pass, on one thread, without the interpreter lock."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from processor import jit
from processor.demosaic.full import full_rggb
from processor.demosaic.half import half_rggb
from processor.types import Mosaic, Rgb8

Pattern = tuple[int, int, int, int]
"""Colour indices of a 2×2 block, row-major: 0 = R, 1 = G, 2 = B, 3 = second G."""

Window = tuple[int, int, int, int]
"""Top, left, height and width of the visible area in the stored mosaic."""

LetGo = Callable[[int, int], None]

BAND_ROWS = 344
"""Rows of blocks between two moments at which memory is let go; eight such bands in a sensor of 45 megapixels."""

SMALLEST_PX = 8
"""Shortest side of a window that the kernels take."""


def half_size(
    values: Mosaic,
    *,
    window: Window,
    pattern: Pattern,
    black: NDArray[np.float32],
    scale: NDArray[np.float32],
    matrix: NDArray[np.float64],
    let_go: LetGo = lambda _first, _last: None,
) -> Rgb8:
    """Develop every whole 2×2 block of a window into one pixel; an odd last row or column is left out.

    Args:
        values: the whole stored mosaic, uint16, C-contiguous.
        window: the visible area in it, at least `SMALLEST_PX` wide and high.
        pattern: colours of the window's first block, a Bayer pattern.
        black, scale: per colour index (R, G, B, second G): level to subtract, factor that brings white to 1 or more.
        matrix: 3×3, balanced camera RGB to linear output RGB.
        let_go: told of lines of the mosaic, from the first to before the last, that will not be read again.

    Returns:
        (height // 2) × (width // 2) × 3, gamma-encoded.
    """
    top, left, height, width = window
    _check_window(values, window)
    rows, n = height // 2, width // 2
    out = np.empty((rows, 3 * n), np.uint8)
    # The kernel knows R G / G B. G B / R G is the same seen from below; with blue for red these are all four.
    from_below = pattern[0] in (1, 3)
    order = [*pattern[2:], *pattern[:2]] if from_below else list(pattern)
    first, step = (top + 2 * rows - 1, -1) if from_below else (top, 1)
    level, flat, source = _level(black, scale, order), _flat(matrix, order), _read_only(values)
    for begin in range(0, rows, BAND_ROWS):
        end = min(rows, begin + BAND_ROWS)
        half_rggb(source, first, left, step, rows, n, begin, end, level, flat, out)
        # The next band looks back at two rows of blocks, so those go with it.
        done_from, done_to = max(0, begin - 2), rows if end == rows else max(0, end - 2)
        if from_below:
            let_go(first + 1 - 2 * done_to, first + 1 - 2 * done_from)
        else:
            let_go(first + 2 * done_from, first + 2 * done_to)
    return out.reshape(rows, n, 3)


def full_size(
    values: Mosaic,
    *,
    window: Window,
    pattern: Pattern,
    black: NDArray[np.float32],
    scale: NDArray[np.float32],
    matrix: NDArray[np.float64],
    let_go: LetGo = lambda _first, _last: None,  # noqa: ARG001  developed in one go
) -> Rgb8:
    """Develop every pixel of a window; arguments as for `half_size`.

    Returns:
        height × width × 3, gamma-encoded.
    """
    top, left, height, width = window
    _check_window(values, window)
    out = np.empty((height, 3 * width), np.uint8)
    # Where the window begins with a green, the R G / G B blocks begin one column left of it.
    shift = int(pattern[0] in (1, 3))
    order = [pattern[1], pattern[0], pattern[3], pattern[2]] if shift else list(pattern)
    full_rggb(
        _read_only(values), top, left, height, width, shift, _level(black, scale, order), _flat(matrix, order), out
    )
    return out.reshape(height, width, 3)


def warm_up() -> None:
    """Load every kernel, those of the unpackers too; compile and keep what no cache holds (up to half a minute)."""
    from processor.unpack import ljpeg  # noqa: F401, PLC0415  importing it is what makes its kernels known

    jit.load_all()


def _check_window(values: Mosaic, window: Window) -> None:
    top, left, height, width = window
    inside = top >= 0 and left >= 0 and top + height <= values.shape[0] and left + width <= values.shape[1]
    if not inside or min(height, width) < SMALLEST_PX:
        raise ValueError(
            f"window {window} must lie within {values.shape} and measure {SMALLEST_PX} px or more each way"
        )


def _read_only(values: Mosaic) -> Mosaic:
    """The same memory as the kernels' one signature has it: mapped files cannot be written to."""
    view = np.ascontiguousarray(values).view()
    view.flags.writeable = False
    return view


def _level(black: NDArray[np.float32], scale: NDArray[np.float32], order: list[int]) -> NDArray[np.float32]:
    return np.concatenate([black[order], scale[order]]).astype(np.float32)


def _flat(matrix: NDArray[np.float64], order: list[int]) -> NDArray[np.float32]:
    """The matrix for the kernel's idea of red, which is blue when the blocks begin with blue."""
    columns = matrix if order[0] == 0 else matrix[:, ::-1]
    return np.ascontiguousarray(columns, np.float32).ravel()
