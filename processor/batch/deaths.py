"""What the death of a worker process says about the image that it had in hand."""

import signal
from dataclasses import dataclass

from processor.errors import ReasonCode, Stage

_OUT_OF_MEMORY_MARKS = ("bad_alloc", "MemoryError", "Cannot allocate memory", "out of memory")
_CRASHES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
_KILLS = {signal.SIGKILL, signal.SIGTERM}
_UNKNOWN = 255
"""What multiprocessing says of a child whose fork server is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """Reason code and sentence for a dead worker; `transient` when another attempt may go well."""

    reason: ReasonCode
    message: str
    transient: bool = False


def timed_out(stage: Stage, timeout_s: float) -> Death:
    """The image used up its time and its process was killed."""
    return Death(
        reason=ReasonCode.TIMED_OUT,
        message=f"not done after {timeout_s:g} s, at stage {stage}; its process was ended. Raise the time limit "
        "if the file is sound",
    )


def classify(exit_code: int | None, stage: Stage, log: str) -> Death:
    """Judge a process by its exit code (negative for a signal, None for unknown) and the last that it printed."""
    if exit_code is None or exit_code == _UNKNOWN:
        if "Fatal Python error" in log:
            return _crash("crashed", stage, log)
        return Death(
            reason=ReasonCode.DECODER_CRASH,
            message=f"its process ended without a trace at stage {stage}",
            transient=True,
        )
    if exit_code >= 0:
        return Death(
            reason=ReasonCode.DECODER_CRASH,
            message=f"its process ended by itself with exit code {exit_code} at stage {stage}",
        )
    return _by_signal(-exit_code, stage, log)


def _by_signal(number: int, stage: Stage, log: str) -> Death:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    if number == signal.SIGXCPU:
        return Death(
            reason=ReasonCode.TIMED_OUT,
            message=f"used up its processor time at stage {stage}; its process was ended by the system",
        )
    if number in _KILLS:
        return Death(
            reason=ReasonCode.OUT_OF_MEMORY,
            message=f"its process was killed from outside ({name}) at stage {stage}, as the system does when memory "
            "runs out. Use fewer jobs or a smaller memory budget",
            transient=True,
        )
    if number in _CRASHES and any(mark in log for mark in _OUT_OF_MEMORY_MARKS):
        return Death(
            reason=ReasonCode.OUT_OF_MEMORY,
            message=f"its process gave up ({name}) at stage {stage} when it met its memory limit",
        )
    return _crash(f"crashed ({name})", stage, log)


def _crash(how: str, stage: Stage, log: str) -> Death:
    return Death(
        reason=ReasonCode.DECODER_CRASH,
        message=f"its process {how} at stage {stage}{_innermost_frame(log)}; the file is most likely damaged in a way "
        "that the decoder does not survive",
    )


def _innermost_frame(log: str) -> str:
    """Where in Python the crash happened, from the dump that faulthandler wrote."""
    for line in log.splitlines():
        frame = line.strip()
        if frame.startswith('File "'):
            path, _, rest = frame.removeprefix('File "').partition('"')
            return f", in {path.rpartition('/')[2]}{rest}"
    return ""
