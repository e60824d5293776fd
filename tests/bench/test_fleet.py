"""What the validation tells the simulation about a known drain, and what it predicts from it."""

import pytest

from bench.fleet.drain import Developed
from bench.fleet.validate import occupied_s, predict


def known(
    images: int, *, processes: int = 2, first_s: float = 6.0, later_s: float = 2.0, lag_s: float = 0.5
) -> list[Developed]:
    """A worker that receives its first images after 3 s; rows are written a little after a process has its next one."""
    done = []
    for number in range(images):
        turn = number // processes
        begun_s = 3.0 if turn == 0 else 3.0 + first_s + (turn - 1) * later_s
        took_s = (first_s if turn == 0 else later_s) + lag_s
        done.append(Developed(ended_s=begun_s + took_s, took_s=took_s, cpu_s=1.0, megapixels=6.0))
    return done


def test_a_process_is_occupied_for_as_long_as_until_it_has_the_next_image() -> None:
    start_s, seconds = occupied_s(known(12), processes=2)
    assert start_s == 9
    # The lag of the last row is the worker's too: it is shared among all.
    assert seconds == pytest.approx([2.1] * 10)


def test_the_prediction_of_equal_images_is_start_and_rounds() -> None:
    assert predict(known(12, lag_s=0), images=30, processes=2) == pytest.approx(9 + 14 * 2)


def test_the_order_of_a_log_does_not_matter() -> None:
    done = known(12)
    assert predict(done[::-1], images=30, processes=2) == predict(done, images=30, processes=2)
