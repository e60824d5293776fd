"""Lossless JPEG (ITU-T T.81, process 14) as DNG uses it: many chunks of one raw image in one call.

Reading a variable-length code is a chain of dependent steps: until one code is known, nobody can tell where the next
one begins. One stream therefore leaves most of a CPU idle. Tiles are independent streams, so four of them are read in
turn, which keeps it busy.

Everything that is not exactly as expected is reported, never repaired: see the codes in `ljpeg_header`.
"""
# ruff: noqa: PLR0917  numba passes arguments by position

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from processor.jit import helper, kernel
from processor.unpack.ljpeg_header import (
    COLUMNS,
    COMPONENTS,
    DAMAGED,
    FIELDS,
    OK,
    PEEK,
    PRECISION,
    PREDICTOR,
    ROWS,
    START,
    UNUSUAL,
    make_table,
    read_header,
)
from processor.unpack.predictors import LANES, predict

__all__ = ["DAMAGED", "OK", "UNUSUAL", "decode", "decode_chunks"]

_EOI = 0xD9

U = np.uint64
_U0, _U1, _U3, _U7, _U8, _U16, _U63, _U255 = U(0), U(1), U(3), U(7), U(8), U(16), U(63), U(255)
_PEEK_SHIFT = U(64 - PEEK)
_ONES, _HIGHS = U(0x0101010101010101), U(0x8080808080808080)


@intrinsic  # type: ignore[untyped-decorator]
def _load_big_endian(_context: Any, array: Any, place: Any) -> Any:
    """Eight bytes at any place of a uint8 array as one big-endian number: a single unaligned load."""
    signature = types.uint64(array, place)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0]).data
        word = ir.IntType(64)
        pointer = builder.bitcast(builder.gep(data, [args[1]]), word.as_pointer())
        return builder.bswap(builder.load(pointer, align=1))

    return signature, generate


@intrinsic  # type: ignore[untyped-decorator]
def _store_big_endian(_context: Any, array: Any, place: Any, word: Any) -> Any:
    """Write what `_load_big_endian` has read: a single unaligned store."""
    signature = types.void(array, place, word)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0]).data
        pointer = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(64).as_pointer())
        builder.store(builder.bswap(args[2]), pointer, align=1)
        return context.get_dummy_value()

    return signature, generate


@helper
def _unstuff(data: Any, place: Any, end: Any, stream: Any) -> Any:
    """Copy entropy-coded data without the zero that follows every 0xFF, up to the end of image.

    Returns:
        Number of bytes copied, or -1 when another marker, or no marker, follows.
    """
    used = np.int64(0)
    while place + 1 < end:
        while place + 8 <= end:
            word = _load_big_endian(data, place)
            if (~word - _ONES) & word & _HIGHS:  # some byte is 0xFF: ~byte is 0, which alone borrows into its high bit
                break
            _store_big_endian(stream, used, word)
            used += 8
            place += 8
        for _ in range(8):
            if place + 1 >= end:
                break
            byte = data[place]
            stream[used] = byte
            used += 1
            place += 1
            if byte == 0xFF:
                following = data[place]
                if following != 0:
                    used -= 1
                    while following == 0xFF and place + 1 < end:  # fill bytes before a marker
                        place += 1
                        following = data[place]
                    return used if following == _EOI else np.int64(-1)
                place += 1
    return np.int64(-1)


@helper
def _long_code(window: Any, first: Any, offset: Any, values: Any) -> Any:
    """Bits of code and difference << 16 | bits of the code << 8 | bits of the difference; 0 for no code at all."""
    head = np.int64(window >> U(48))
    for length in range(1, 17):
        if head < first[length]:
            place = (head >> (16 - length)) + offset[length]
            bits = np.int64(values[place])
            extra = 0 if bits == 16 else bits
            return U(((length + extra) << 16) | (length << 8) | bits)
    return _U0


@helper
def _difference(window: Any, entry: Any) -> Any:
    """The signed difference behind a code (T.81, table H.2)."""
    bits = entry & _U255
    rest = window << ((entry >> _U8) & _U255)
    if bits == _U16:
        return np.int32(-32768)
    magnitude = np.int64((rest >> _U1) >> (_U63 - bits))
    negative = np.int64(rest >> _U63) - 1  # all ones when the first bit is 0
    return np.int32(magnitude + (negative & (1 - (np.int64(1) << np.int64(bits)))))


@helper
def _row_of_four(
    streams: Any, bits: Any, tables: Any, firsts: Any, offsets: Any, values: Any, n: Any, differences: Any
) -> Any:
    """Read one row of n differences from each of four streams, in turn; False when a code is invalid."""
    # Lane by lane in full: a loop over the lanes would keep their state in memory, on the path that limits the speed.
    s0, s1, s2, s3 = streams[0], streams[1], streams[2], streams[3]
    t0, t1, t2, t3 = tables[0], tables[1], tables[2], tables[3]
    f0, f1, f2, f3 = firsts[0], firsts[1], firsts[2], firsts[3]
    o0, o1, o2, o3 = offsets[0], offsets[1], offsets[2], offsets[3]
    v0, v1, v2, v3 = values[0], values[1], values[2], values[3]
    b0, b1, b2, b3 = bits[0], bits[1], bits[2], bits[3]
    valid = True
    for j in range(n):
        window = _load_big_endian(s0, b0 >> _U3) << (b0 & _U7)
        entry = U(t0[window >> _PEEK_SHIFT])
        if entry == _U0:
            entry = _long_code(window, f0, o0, v0)
        differences[j, 0] = _difference(window, entry)
        b0 += entry >> _U16
        valid &= entry != _U0
        window = _load_big_endian(s1, b1 >> _U3) << (b1 & _U7)
        entry = U(t1[window >> _PEEK_SHIFT])
        if entry == _U0:
            entry = _long_code(window, f1, o1, v1)
        differences[j, 1] = _difference(window, entry)
        b1 += entry >> _U16
        valid &= entry != _U0
        window = _load_big_endian(s2, b2 >> _U3) << (b2 & _U7)
        entry = U(t2[window >> _PEEK_SHIFT])
        if entry == _U0:
            entry = _long_code(window, f2, o2, v2)
        differences[j, 2] = _difference(window, entry)
        b2 += entry >> _U16
        valid &= entry != _U0
        window = _load_big_endian(s3, b3 >> _U3) << (b3 & _U7)
        entry = U(t3[window >> _PEEK_SHIFT])
        if entry == _U0:
            entry = _long_code(window, f3, o3, v3)
        differences[j, 3] = _difference(window, entry)
        b3 += entry >> _U16
        valid &= entry != _U0
    bits[0], bits[1], bits[2], bits[3] = b0, b1, b2, b3
    return valid


@helper
def _row_of_one(
    streams: Any, bits: Any, tables: Any, firsts: Any, offsets: Any, values: Any, n: Any, differences: Any
) -> Any:
    """Read one row of n differences from one stream; False when a code is invalid."""
    stream, table, first, offset, symbols = streams[0], tables[0], firsts[0], offsets[0], values[0]
    bit, valid = bits[0], True
    for j in range(n):
        window = _load_big_endian(stream, bit >> _U3) << (bit & _U7)
        entry = U(table[window >> _PEEK_SHIFT])
        if entry == _U0:
            entry = _long_code(window, first, offset, symbols)
        differences[j, 0] = _difference(window, entry)
        bit += entry >> _U16
        valid &= entry != _U0
    bits[0] = bit
    return valid


@helper
def _store(row: Any, lane: Any, start: Any, n: Any, top: Any, left: Any, chunk_width: Any, out: Any) -> None:
    """Put one row of samples, which stand in reading order, where they belong in the picture.

    Args:
        row, lane: the samples.
        start: number of the first one within its chunk.
        top, left, chunk_width: the chunk's place in the picture.
    """
    height, width = out.shape
    columns = min(chunk_width, width - left)
    j = 0
    while j < n:
        y, x = (start + j) // chunk_width, (start + j) % chunk_width
        count = min(chunk_width - x, n - j)
        if top + y < height and x < columns:
            line = out[top + y, left + x : left + min(x + count, columns)]
            for i in range(line.size):
                line[i] = np.uint16(row[j + i, lane])
        j += count


@kernel(
    types.Array(types.uint8, 1, "C", readonly=True),
    types.Array(types.int64, 1, "C", readonly=True),
    types.Array(types.int64, 1, "C", readonly=True),
    types.int64, types.int64, types.boolean, types.uint16[:, ::1],
)  # fmt: skip
def decode_chunks(  # noqa: PLR0911, PLR0912, PLR0915  a kernel reports at once, and a part of it would need all its arrays
    data: Any, offsets: Any, counts: Any, chunk_width: int, chunk_height: int, padded: bool, out: Any
) -> Any:
    """Decode whole rows of tiles or strips of a raw image.

    Args:
        data: uint8, the bytes that the chunks lie in.
        offsets, counts: int64, place and length of the chunks in `data`, row by row.
        chunk_width, chunk_height: their size in pixels.
        padded: True for tiles, which are whole also where they reach beyond the picture.
        out: uint16, height × width, takes the samples: the part of the picture that these chunks make up.

    Returns:
        OK, UNUSUAL or DAMAGED. What `out` holds after the last two must not be used.
    """
    height, width = out.shape
    across = (width + chunk_width - 1) // chunk_width
    number = offsets.size
    header = np.zeros(FIELDS, np.int64)
    expected = np.zeros(FIELDS, np.int64)
    counts_of = np.zeros(17, np.int64)
    values = np.zeros((LANES, 32), np.uint8)
    tables = np.zeros((LANES, 1 << PEEK), np.uint32)
    firsts = np.zeros((LANES, 17), np.int64)
    offsets_of = np.zeros((LANES, 17), np.int64)
    bits = np.zeros(LANES, np.uint64)
    lengths = np.zeros(LANES, np.int64)
    status = read_header(data, offsets[0], offsets[0] + counts[0], expected, counts_of, values[0])
    if status != OK:
        return status
    n = expected[COLUMNS] * expected[COMPONENTS]
    if n < 1 or expected[ROWS] < 1:
        return UNUSUAL
    # A damaged stream may run on for one row, at most 4 bytes a sample, before anyone looks.
    streams = np.empty((LANES, counts.max() + 4 * n + 16), np.uint8)
    row = np.empty((n, LANES), np.int32)
    above = np.empty((n, LANES), np.int32)
    chunk = 0
    while chunk < number:
        lanes = LANES if chunk + LANES <= number else 1
        for k in range(lanes):
            begin = offsets[chunk + k]
            end = begin + counts[chunk + k]
            counts_of[:] = 0
            status = read_header(data, begin, end, header, counts_of, values[k])
            if status != OK:
                return status
            top = (chunk + k) // across * chunk_height
            rows = chunk_height if padded else min(chunk_height, height - top)
            if n * header[ROWS] != chunk_width * rows:
                return UNUSUAL
            same_shape = header[ROWS] == expected[ROWS] and header[PREDICTOR] == expected[PREDICTOR]
            if not same_shape and lanes > 1:
                lanes = -1
            if header[COLUMNS] != expected[COLUMNS] or header[COMPONENTS] != expected[COMPONENTS]:
                return UNUSUAL
            if header[PRECISION] != expected[PRECISION] or not 2 <= header[PRECISION] <= 16:
                return UNUSUAL
            if make_table(counts_of, values[k], tables[k], firsts[k], offsets_of[k]) != OK:
                return DAMAGED
            used = _unstuff(data, header[START], end, streams[k])
            if used < 0:
                return DAMAGED
            lengths[k] = used
            streams[k, used : used + 16] = 0
            bits[k] = _U0
            if lanes < 0:
                break
        if lanes < 0:
            return UNUSUAL
        components, predictor, rows = header[COMPONENTS], header[PREDICTOR], header[ROWS]
        limit = np.int64(1) << header[PRECISION]
        for y in range(rows):
            if lanes == 1:
                valid = _row_of_one(streams, bits, tables, firsts, offsets_of, values, n, row)
            else:
                valid = _row_of_four(streams, bits, tables, firsts, offsets_of, values, n, row)
            if not valid:
                return DAMAGED
            for k in range(lanes):
                if np.int64(bits[k]) > 8 * lengths[k]:
                    return DAMAGED
            for j in range(components):
                for k in range(lanes):
                    base = above[j, k] if y else np.int32(limit >> 1)
                    row[j, k] = (base + row[j, k]) & 0xFFFF
            predict(predictor if y else 1, n, components, row, above)
            seen = np.int32(0)
            for j in range(n):
                for k in range(lanes):
                    seen |= row[j, k]
            if seen >= limit:
                return DAMAGED
            for k in range(lanes):
                top, left = (chunk + k) // across * chunk_height, (chunk + k) % across * chunk_width
                _store(row, k, y * n, n, top, left, chunk_width, out)
            row, above = above, row
        for k in range(lanes):
            if 8 * lengths[k] - np.int64(bits[k]) >= 8:
                return DAMAGED
        chunk += lanes
    return OK


def decode(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    counts: NDArray[np.int64],
    chunk_width: int,
    chunk_height: int,
    padded: bool,
    out: NDArray[np.uint16],
) -> int:
    """`decode_chunks` for arrays that may be written to; the kernel is compiled for read-only input alone."""
    inputs = [array.view() for array in (data, offsets, counts)]
    for array in inputs:
        array.flags.writeable = False
    return int(decode_chunks(*inputs, chunk_width, chunk_height, padded, out))
