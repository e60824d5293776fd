"""The head of a lossless JPEG: its markers up to the data, and the look-up table of its variable-length codes."""
# ruff: noqa: PLR0917  numba passes arguments by position

from typing import Any

import numpy as np

from processor.jit import helper

OK, UNUSUAL, DAMAGED = 0, 1, 2
"""What became of data: decoded; of a form this decoder does not know; contradicting itself."""

PEEK = 11
"""Bits that one table look-up resolves; longer codes are rare and take a loop."""

PRECISION, ROWS, COLUMNS, COMPONENTS, PREDICTOR, START, FIELDS = range(7)
"""Places in a header record, and their number."""

_SOI, _SOF3, _DHT, _SOS, _DQT, _DRI, _APP0 = 0xD8, 0xC3, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0


@helper
def read_header(  # noqa: PLR0911, PLR0912  one way out for each thing that can be wrong
    data: Any, place: Any, end: Any, header: Any, counts: Any, values: Any
) -> Any:
    """Read a chunk's markers up to its entropy-coded data.

    Nothing outside the chunk is read.

    Args:
        data, place, end: the bytes that chunks lie in, and where this chunk begins and ends among them.
        header: takes precision, rows, columns, components, predictor, and where the data start.
        counts: takes the number of codes of each length, 1 to 16, at index 1 to 16.
        values: takes the number of difference bits by code.
    """
    if end - place < 4 or data[place] != 0xFF or data[place + 1] != _SOI:
        return DAMAGED
    place += 2
    tables = 0
    header[PRECISION] = 0
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
            header[PRECISION] = data[body]
            header[ROWS] = (np.int64(data[body + 1]) << 8) | np.int64(data[body + 2])
            header[COLUMNS] = (np.int64(data[body + 3]) << 8) | np.int64(data[body + 4])
            header[COMPONENTS] = components
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
            if length < 3:
                return DAMAGED
            components = np.int64(data[body])
            if length != 6 + 2 * components:
                return DAMAGED
            if not tables or not header[PRECISION] or components != header[COMPONENTS]:
                return UNUSUAL
            header[PREDICTOR] = data[body + 1 + 2 * components]
            if data[body + 3 + 2 * components] != 0 or not 1 <= header[PREDICTOR] <= 7:
                return UNUSUAL
            header[START] = place
            return OK
        elif marker == _DRI:
            if length < 4:
                return DAMAGED
            if data[body] or data[body + 1]:
                return UNUSUAL
        elif marker < _APP0 and marker != _DQT:
            return UNUSUAL


@helper
def make_table(counts: Any, values: Any, table: Any, first: Any, offset: Any) -> Any:
    """Build the look-up table of canonical codes (T.81, annex C).

    Args:
        counts, values: as `read_header` gives them.
        table: takes, by the next `PEEK` bits, all bits of code and difference << 16 | bits of the code << 8 | bits of
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
            if length <= PEEK and bits < 16:
                low = code << (PEEK - length)
                high = (code + 1) << (PEEK - length)
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
