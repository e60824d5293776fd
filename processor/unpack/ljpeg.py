"""Lossless JPEG (ITU-T T.81, process 14) as DNG uses it: all chunks of one raw image in one call.

Reading a variable-length code is a chain of dependent steps: until one code is known, nobody can tell where the next
one begins. One stream therefore leaves most of a CPU idle. Tiles are independent streams, so four of them are read in
turn, which keeps it busy.

Everything that is not exactly as expected is reported, never repaired: see the codes below.
"""
# ruff: noqa: PLR0917  numba passes arguments by position

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from processor.jit import helper, kernel

OK, UNUSUAL, DAMAGED = 0, 1, 2
"""What became of the chunks: decoded; of a form this decoder does not know; contradicting itself."""

_LANES = 4
_PEEK = 11
"""Bits that one table look-up resolves; longer codes are rare and take a loop."""

_SOI, _SOF3, _DHT, _EOI, _SOS, _DRI = 0xD8, 0xC3, 0xC4, 0xD9, 0xDA, 0xDD

U = np.uint64
_U0, _U1, _U3, _U7, _U8, _U16, _U63, _U255 = U(0), U(1), U(3), U(7), U(8), U(16), U(63), U(255)
_PEEK_SHIFT = U(64 - _PEEK)
_ONES, _HIGHS = U(0x0101010101010101), U(0x8080808080808080)

# Places in a chunk's header record.
_PRECISION, _ROWS, _COLUMNS, _COMPONENTS, _PREDICTOR, _START, _FIELDS = 0, 1, 2, 3, 4, 5, 6


@intrinsic  # type: ignore[misc]
def _load_big_endian(_context: Any, array: Any, place: Any) -> Any:
    """Eight bytes at any place of a uint8 array as one big-endian number: a single unaligned load."""
    signature = types.uint64(array, place)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = cgutils.create_struct_proxy(sig.args[0])(context, builder, args[0]).data
        word = ir.IntType(64)
        pointer = builder.bitcast(builder.gep(data, [args[1]]), word.as_pointer())
        return builder.bswap(builder.load(pointer, align=1))

    return signature, generate


@intrinsic  # type: ignore[misc]
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
def _read_header(data: Any, place: Any, end: Any, header: Any, counts: Any, values: Any) -> Any:
    """Read a chunk's markers up to its entropy-coded data.

    Args:
        data, place, end: the file and the chunk's bytes in it.
        header: takes precision, rows, columns, components, predictor, and where the data start.
        counts: takes the number of codes of each length, 1 to 16, at index 1 to 16.
        values: takes the number of difference bits by code.
    """
    if end - place < 4 or data[place] != 0xFF or data[place + 1] != _SOI:
        return DAMAGED
    place += 2
    tables = 0
    header[_PRECISION] = 0
    while True:
        if place + 4 > end or data[place] != 0xFF:
            return DAMAGED
        marker = data[place + 1]
        length = (np.int64(data[place + 2]) << 8) | np.int64(data[place + 3])
        body, place = place + 4, place + 2 + length
        if length < 2 or place > end:
            return DAMAGED
        if marker == _SOF3:
            if length < 8:
                return DAMAGED
            components = np.int64(data[body + 5])
            if length != 8 + 3 * components or not 1 <= components <= 4:
                return UNUSUAL
            for c in range(components):
                if data[body + 7 + 3 * c] != 0x11:
                    return UNUSUAL
            header[_PRECISION] = data[body]
            header[_ROWS] = (np.int64(data[body + 1]) << 8) | np.int64(data[body + 2])
            header[_COLUMNS] = (np.int64(data[body + 3]) << 8) | np.int64(data[body + 4])
            header[_COMPONENTS] = components
        elif marker == _DHT:
            at = body
            while at < place:
                if at + 17 > place:
                    return DAMAGED
                number = np.int64(0)
                for i in range(1, 17):
                    number += data[at + i]
                if number > 17 or at + 17 + number > place:
                    return DAMAGED
                # Each component could have a table of its own; almost always one serves all, or equal ones do.
                for i in range(1, 17):
                    if tables and counts[i] != data[at + i]:
                        return UNUSUAL
                    counts[i] = data[at + i]
                for i in range(number):
                    if tables and values[i] != data[at + 17 + i]:
                        return UNUSUAL
                    if data[at + 17 + i] > 16:
                        return DAMAGED
                    values[i] = data[at + 17 + i]
                tables += 1
                at += 17 + number
        elif marker == _SOS:
            components = np.int64(data[body])
            if length != 6 + 2 * components:
                return DAMAGED
            if not tables or not header[_PRECISION] or components != header[_COMPONENTS]:
                return UNUSUAL
            header[_PREDICTOR] = data[body + 1 + 2 * components]
            if data[body + 3 + 2 * components] != 0 or not 1 <= header[_PREDICTOR] <= 7:
                return UNUSUAL
            header[_START] = place
            return OK
        elif marker == _DRI:
            if data[body] or data[body + 1]:
                return UNUSUAL
        elif marker < 0xE0 and marker != 0xDB:
            return UNUSUAL


@helper
def _make_table(counts: Any, values: Any, table: Any, first: Any, offset: Any) -> Any:
    """Build the look-up table of canonical codes (T.81, annex C).

    Args:
        counts, values: as `_read_header` gives them.
        table: takes, by the next `_PEEK` bits, all bits of code and difference << 16 | bits of the code << 8 | bits of
            the difference; 0 where the code is longer, or stands for the difference that has no bits of its own.
        first: takes by length the first code beyond those of that length, left-aligned in 16 bits.
        offset: takes by length what leads from a code to its place in `values`.
    """
    table[:] = 0
    code, index = np.int64(0), np.int64(0)
    for length in range(1, 17):
        offset[length] = index - code
        for _ in range(counts[length]):
            bits = np.int64(values[index])
            if length <= _PEEK and bits < 16:
                low = code << (_PEEK - length)
                high = (code + 1) << (_PEEK - length)
                if high > table.size:
                    return DAMAGED
                table[low:high] = ((length + bits) << 16) | (length << 8) | bits
            code += 1
            index += 1
        if code > (1 << length):
            return DAMAGED
        first[length] = code << (16 - length)
        code <<= 1
    return OK


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


def _predictor(guess: Any) -> Any:
    """Compile a loop that turns differences into samples in place, by one guess from left, above and above left.

    The loop takes the number of samples in a row, of components that take turns in it (the first sample of each is there
    already), and the row and the one above: int32, samples × lanes, kept to 16 bits.
    """

    @helper
    def run(n: Any, c: Any, row: Any, above: Any) -> None:
        if c == 1:
            # The left neighbours stay in registers: reading back what has just been written would double the time.
            l0, l1, l2, l3 = row[0, 0], row[0, 1], row[0, 2], row[0, 3]
            for j in range(1, n):
                l0 = (guess(l0, above[j, 0], above[j - 1, 0]) + row[j, 0]) & 0xFFFF
                l1 = (guess(l1, above[j, 1], above[j - 1, 1]) + row[j, 1]) & 0xFFFF
                l2 = (guess(l2, above[j, 2], above[j - 1, 2]) + row[j, 2]) & 0xFFFF
                l3 = (guess(l3, above[j, 3], above[j - 1, 3]) + row[j, 3]) & 0xFFFF
                row[j, 0], row[j, 1], row[j, 2], row[j, 3] = l0, l1, l2, l3
        else:
            for j in range(c, n):
                for k in range(_LANES):
                    row[j, k] = (guess(row[j - c, k], above[j, k], above[j - c, k]) + row[j, k]) & 0xFFFF

    return run


_predict_1 = _predictor(helper(lambda a, b, c: a))  # noqa: ARG005
_predict_2 = _predictor(helper(lambda a, b, c: b))  # noqa: ARG005
_predict_3 = _predictor(helper(lambda a, b, c: c))  # noqa: ARG005
_predict_4 = _predictor(helper(lambda a, b, c: a + b - c))
_predict_5 = _predictor(helper(lambda a, b, c: a + ((b - c) >> 1)))
_predict_6 = _predictor(helper(lambda a, b, c: b + ((a - c) >> 1)))
_predict_7 = _predictor(helper(lambda a, b, c: (a + b) >> 1))  # noqa: ARG005


@helper
def _predict(predictor: Any, n: Any, c: Any, row: Any, above: Any) -> None:
    """Turn a row's differences into samples (T.81, table H.1)."""
    if predictor == 1:
        _predict_1(n, c, row, above)
    elif predictor == 2:
        _predict_2(n, c, row, above)
    elif predictor == 3:
        _predict_3(n, c, row, above)
    elif predictor == 4:
        _predict_4(n, c, row, above)
    elif predictor == 5:
        _predict_5(n, c, row, above)
    elif predictor == 6:
        _predict_6(n, c, row, above)
    else:
        _predict_7(n, c, row, above)


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
def decode_chunks(
    data: Any, offsets: Any, counts: Any, chunk_width: int, chunk_height: int, padded: bool, out: Any
) -> int:
    """Decode every tile or strip of a raw image.

    Args:
        data: uint8, the whole file.
        offsets, counts: int64, place and length of the chunks, row by row; they lie within the file.
        chunk_width, chunk_height: their size.
        padded: True for tiles, which are whole also where they reach beyond the picture.
        out: uint16, height × width, takes the samples.

    Returns:
        OK, UNUSUAL or DAMAGED. What `out` holds after the last two must not be used.
    """
    height, width = out.shape
    across = (width + chunk_width - 1) // chunk_width
    number = offsets.size
    header = np.zeros(_FIELDS, np.int64)
    expected = np.zeros(_FIELDS, np.int64)
    counts_of = np.zeros(17, np.int64)
    values = np.zeros((_LANES, 32), np.uint8)
    tables = np.zeros((_LANES, 1 << _PEEK), np.uint32)
    firsts = np.zeros((_LANES, 17), np.int64)
    offsets_of = np.zeros((_LANES, 17), np.int64)
    bits = np.zeros(_LANES, np.uint64)
    lengths = np.zeros(_LANES, np.int64)
    status = _read_header(data, offsets[0], offsets[0] + counts[0], expected, counts_of, values[0])
    if status != OK:
        return status
    n = expected[_COLUMNS] * expected[_COMPONENTS]
    if n < 1 or expected[_ROWS] < 1:
        return UNUSUAL
    # A damaged stream may run on for one row, at most 4 bytes a sample, before anyone looks.
    streams = np.empty((_LANES, counts.max() + 4 * n + 16), np.uint8)
    row = np.empty((n, _LANES), np.int32)
    above = np.empty((n, _LANES), np.int32)
    chunk = 0
    while chunk < number:
        lanes = _LANES if chunk + _LANES <= number else 1
        for k in range(lanes):
            begin = offsets[chunk + k]
            end = begin + counts[chunk + k]
            counts_of[:] = 0
            status = _read_header(data, begin, end, header, counts_of, values[k])
            if status != OK:
                return status
            top = (chunk + k) // across * chunk_height
            rows = chunk_height if padded else min(chunk_height, height - top)
            if n * header[_ROWS] != chunk_width * rows:
                return UNUSUAL
            same_shape = header[_ROWS] == expected[_ROWS] and header[_PREDICTOR] == expected[_PREDICTOR]
            if not same_shape and lanes > 1:
                lanes = -1
            if header[_COLUMNS] != expected[_COLUMNS] or header[_COMPONENTS] != expected[_COMPONENTS]:
                return UNUSUAL
            if header[_PRECISION] != expected[_PRECISION] or not 2 <= header[_PRECISION] <= 16:
                return UNUSUAL
            if _make_table(counts_of, values[k], tables[k], firsts[k], offsets_of[k]) != OK:
                return DAMAGED
            used = _unstuff(data, header[_START], end, streams[k])
            if used < 0:
                return DAMAGED
            lengths[k] = used
            streams[k, used : used + 16] = 0
            bits[k] = _U0
            if lanes < 0:
                break
        if lanes < 0:
            return UNUSUAL
        components, predictor, rows = header[_COMPONENTS], header[_PREDICTOR], header[_ROWS]
        limit = np.int64(1) << header[_PRECISION]
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
            _predict(predictor if y else 1, n, components, row, above)
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
