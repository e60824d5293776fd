"""Speed-up laws: what a serial fraction costs, and how to measure it. Pure functions.

Sources: G. M. Amdahl, "Validity of the single processor approach to achieving large scale computing capabilities",
AFIPS Conference Proceedings 30 (1967); A. H. Karp and H. P. Flatt, "Measuring parallel processor performance",
Communications of the ACM 33(5) (1990).
"""

import math

CORES = (2, 4, 8, 16, 32, 64)
"""Core counts that reports predict for."""


def speed_up(serial_fraction: float, cores: float) -> float:
    """Amdahl's law: S = 1 / (f + (1 - f) / p).

    Raises:
        ValueError: the fraction is outside 0 to 1, or there is less than one core.
    """
    if not 0 <= serial_fraction <= 1:
        raise ValueError(f"serial fraction is {serial_fraction}; it lies between 0 and 1")
    if cores < 1:
        raise ValueError(f"cores is {cores}; it must be 1 or more")
    return 1 / (serial_fraction + (1 - serial_fraction) / cores)


def limit(serial_fraction: float) -> float:
    """What the speed-up approaches as cores grow without end: 1 / f; infinite for f = 0."""
    return math.inf if serial_fraction == 0 else 1 / serial_fraction


def karp_flatt(measured_speed_up: float, cores: float) -> float | None:
    """The experimentally determined serial fraction: e = (1/S - 1/p) / (1 - 1/p).

    Negative when S > p, which a measurement can say by its noise or by one process being less efficient alone.
    None when it is not defined: on one core, or for no work.
    """
    if cores <= 1 or measured_speed_up <= 0:
        return None
    return (1 / measured_speed_up - 1 / cores) / (1 - 1 / cores)


def share_of_serial_fraction(lost_s: float, work_s: float, cores: float) -> float:
    """The part of e that `lost_s` core-seconds explain: e = lost / ((p - 1) × work), linear in the loss.

    With S = work / wall and p × wall = work + lost, this is Karp and Flatt's formula rewritten.
    """
    return lost_s / ((cores - 1) * work_s)
