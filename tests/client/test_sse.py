"""The event stream's format, as the HTML standard has it."""

from client.sse import Event, events


def _events(text: str) -> list[Event | None]:
    return list(events(text.split("\n")))


def test_an_event_has_a_name_data_of_several_lines_and_an_id() -> None:
    assert _events("event: job\nid: 7\ndata: a\ndata:  b\n\n") == [Event(kind="job", data="a\n b", event_id="7")]


def test_an_id_stays_until_the_next_one_and_comments_only_say_that_the_stream_lives() -> None:
    assert _events("id: 1\ndata: a\n\n: alive\n\ndata: b\n\n") == [
        Event(kind="message", data="a", event_id="1"),
        None,
        Event(kind="message", data="b", event_id="1"),
    ]


def test_an_event_that_was_broken_off_is_dropped() -> None:
    assert _events("data: whole\n\ndata: half") == [Event(kind="message", data="whole", event_id=None)]


def test_unknown_fields_and_empty_events_are_passed_over() -> None:
    assert _events("retry: 5\nwhat\n\ndata\n\n") == [Event(kind="message", data="", event_id=None)]
