"""Amdahl's law and Karp and Flatt's metric, checked against each other and against their limits."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.report import amdahl

FRACTIONS = st.floats(0, 1)
CORES = st.integers(2, 4096)


@given(FRACTIONS, CORES)
def test_the_speed_up_lies_between_one_and_both_limits(fraction: float, cores: int) -> None:
    predicted = amdahl.speed_up(fraction, cores)
    assert 1 - 1e-9 <= predicted <= min(cores, amdahl.limit(fraction)) * (1 + 1e-9)


@given(FRACTIONS, CORES)
def test_more_cores_never_predict_less(fraction: float, cores: int) -> None:
    assert amdahl.speed_up(fraction, cores + 1) >= amdahl.speed_up(fraction, cores) * (1 - 1e-12)


@given(FRACTIONS, CORES)
def test_karp_flatt_finds_the_fraction_that_amdahl_was_given(fraction: float, cores: int) -> None:
    found = amdahl.karp_flatt(amdahl.speed_up(fraction, cores), cores)
    assert found == pytest.approx(fraction, abs=1e-9)


@given(st.floats(0.01, 1e6), st.floats(0.01, 1e6), CORES)
def test_the_parts_of_the_loss_explain_the_whole_fraction(work_s: float, lost_s: float, cores: int) -> None:
    wall_s = (work_s + lost_s) / cores
    assert amdahl.share_of_serial_fraction(lost_s, work_s, cores) == pytest.approx(
        amdahl.karp_flatt(work_s / wall_s, cores), rel=1e-6, abs=1e-9
    )


def test_known_values() -> None:
    assert amdahl.speed_up(0.05, 8) == pytest.approx(5.9259, abs=1e-4)
    assert amdahl.speed_up(0.0, 64) == 64
    assert amdahl.speed_up(1.0, 64) == 1
    assert amdahl.limit(0.05) == pytest.approx(20)
    assert math.isinf(amdahl.limit(0))
    assert amdahl.karp_flatt(1.85, 2) == pytest.approx(0.0811, abs=1e-4)


def test_faster_than_every_core_together_is_told_as_a_negative_fraction() -> None:
    assert (amdahl.karp_flatt(2.1, 2) or 0) < 0


def test_one_core_and_no_work_have_no_serial_fraction() -> None:
    assert amdahl.karp_flatt(1.0, 1) is None
    assert amdahl.karp_flatt(0.0, 4) is None


@pytest.mark.parametrize(("fraction", "cores"), [(-0.1, 2), (1.1, 2), (0.5, 0)])
def test_impossible_figures_are_refused(fraction: float, cores: float) -> None:
    with pytest.raises(ValueError, match=str(fraction if fraction != 0.5 else cores)):
        amdahl.speed_up(fraction, cores)
