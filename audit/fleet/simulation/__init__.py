"""The simulation: a queue, workers, what starts and stops them, and what befalls them, as SimPy processes."""

from audit.fleet.simulation.record import Outcome, Record
from audit.fleet.simulation.run import Settings, simulate
from audit.fleet.simulation.work import Poison, PoisonKind, Send, SpotReclaims, Work, ZoneLoss

__all__ = [
    "Outcome",
    "Poison",
    "PoisonKind",
    "Record",
    "Send",
    "Settings",
    "SpotReclaims",
    "Work",
    "ZoneLoss",
    "simulate",
]
