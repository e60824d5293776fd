"""What alarms and policies do with one data point a minute: no clock of its own, no AWS, nothing but arithmetic."""

import math
from collections import deque
from dataclasses import dataclass, field

from audit.fleet.metric_math import Number
from audit.fleet.model import Alarm, Missing, Stepping, Tracking


@dataclass(slots=True)
class AlarmState:
    """An alarm, fed with one value a minute."""

    alarm: Alarm
    ringing: bool = False
    _recent: deque[bool | None] = field(default_factory=deque)

    def feed(self, value: Number) -> bool:
        """Take a minute's value; whether the alarm has just gone off."""
        alarm, before = self.alarm, self.ringing
        self._recent.append(None if value is None else breaches(alarm.comparison, value, alarm.threshold))
        if len(self._recent) > alarm.periods:
            self._recent.popleft()
        if value is None and alarm.missing in {Missing.IGNORE, Missing.MISSING}:
            return False  # its state stays, or is INSUFFICIENT_DATA, which starts nothing
        filled = [alarm.missing is Missing.BREACHING if item is None else item for item in self._recent]
        self.ringing = sum(filled) >= alarm.needed
        return self.ringing and not before


def breaches(comparison: str, value: float, threshold: float) -> bool:
    """Whether a value is on the alarm's side of the threshold."""
    match comparison:
        case ">":
            return value > threshold
        case ">=":
            return value >= threshold
        case "<":
            return value < threshold
        case _:
            return value <= threshold


@dataclass(slots=True)
class TrackingState:
    """A target tracking policy, fed with one value a minute.

    Out: so many minutes in a row above the target; the new number is the old one times metric / target, rounded up.
    While the cool-down of the last increase lasts, what it has added does not count as a reason for more: the number
    before it is what the metric is multiplied with. In: so many minutes below a share of the target, and never within
    the cool-down of the last decrease. A minute without data starts and ends nothing.
    """

    policy: Tracking
    out_minutes: int
    in_minutes: int
    in_share: float
    _above: int = 0
    _below: int = 0
    _out_s: float = -math.inf
    _in_s: float = -math.inf
    _before_out: int = 0

    def feed(self, value: Number, *, now_s: float, desired: int, least: int, most: int) -> int:
        """The number of tasks that the policy wants after this minute."""
        if value is None:
            self._above = self._below = 0
            return desired
        target = self.policy.target
        self._above = self._above + 1 if value > target else 0
        self._below = self._below + 1 if value < target * self.in_share else 0
        if self._above >= self.out_minutes:
            return self._out(value, now_s, desired, most)
        if self._below >= self.in_minutes and self.policy.scales_in:
            return self._in(value, now_s, desired, least)
        return desired

    def _out(self, value: float, now_s: float, desired: int, most: int) -> int:
        cooling = now_s <= self._out_s + self.policy.out_cooldown_s
        reference = self._before_out if cooling else desired
        wanted = min(most, math.ceil(reference * value / self.policy.target))
        if wanted <= desired:
            return desired
        if not cooling:
            self._before_out = desired
        self._out_s = now_s
        return wanted

    def _in(self, value: float, now_s: float, desired: int, least: int) -> int:
        wanted = max(least, math.ceil(desired * value / self.policy.target))
        if wanted >= desired or now_s <= self._in_s + self.policy.in_cooldown_s:
            return desired
        self._in_s = now_s
        return wanted


@dataclass(slots=True)
class SteppingState:
    """A step scaling policy with its alarm, fed with one value a minute."""

    policy: Stepping
    _alarm: AlarmState = field(init=False)
    _last_s: float = -math.inf

    def __post_init__(self) -> None:
        self._alarm = AlarmState(self.policy.alarm)

    def feed(self, value: Number, *, now_s: float, desired: int, least: int, most: int) -> int:
        """The number of tasks that the policy wants after this minute: it acts for as long as the alarm rings."""
        self._alarm.feed(value)
        if not self._alarm.ringing or value is None or now_s < self._last_s + self.policy.cooldown_s:
            return desired
        above = value - self.policy.alarm.threshold
        for step in self.policy.steps:
            if (step.lower is None or above >= step.lower) and (step.upper is None or above < step.upper):
                wanted = step.change if self.policy.exact else desired + step.change
                wanted = max(least, min(most, wanted))
                if wanted != desired:
                    self._last_s = now_s
                return wanted
        return desired
