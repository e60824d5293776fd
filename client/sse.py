"""Reads server-sent events from lines, as the HTML standard has them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event.

    Attributes:
        kind: its name.
        data: its payload.
        event_id: the last id seen, to go on from; None when there was none.
    """

    kind: str
    data: str
    event_id: str | None


def events(lines: Iterable[str]) -> Iterator[Event | None]:
    """The events in a stream of lines without their ends; None for a comment. What was broken off is dropped."""
    kind, data, event_id = "", list[str](), None
    for line in lines:
        if not line:
            if data:
                yield Event(kind=kind or "message", data="\n".join(data), event_id=event_id)
            kind, data = "", []
            continue
        if line.startswith(":"):
            yield None
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id" and "\0" not in value:
            event_id = value or None
