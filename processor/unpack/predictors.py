"""The seven predictors of lossless JPEG: from differences to samples."""

from typing import Any

from processor.jit import helper

LANES = 4
"""Streams that are decoded side by side; their samples lie side by side, too."""


def _predictor(guess: Any) -> Any:
    """Compile a loop that turns differences into samples in place, by one guess from left, above and above left.

    The loop takes the number of samples in a row, of components that take turns in it (the first sample of each is
    there already), and the row and the one above: int32, samples × lanes, kept to 16 bits.
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
                for k in range(LANES):
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
def predict(predictor: Any, n: Any, c: Any, row: Any, above: Any) -> None:
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
