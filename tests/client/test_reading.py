"""Answers are read in whatever pieces they come."""

from __future__ import annotations

import pytest

from relay.client.reading import AnswerReader, HeardEvent

EVENTS = (
    "retry: 2000\nid: 0.0.0.0-ab12\ndata:\n\n"
    'event: queued\nid: 0.2.0.0-ab12\ndata: {"state": "queued", "complete": false}\n\n'
    ": beat\n\n"
    'event: output\nid: 1.1.1.0-ab12\ndata: {"attempt": 1, "data": "grün\u2028"}\n\n'
    "event: gap\ndata: {}\n\n"
    'event: succeeded\nid: 1.3.1.0-ab12\ndata: {"state": "succeeded", "complete": true}\n\n'
).encode()
HEARD = [
    HeardEvent("queued", "0.2.0.0-ab12", {"state": "queued", "complete": False}),
    HeardEvent("output", "1.1.1.0-ab12", {"attempt": 1, "data": "grün\u2028"}),
    HeardEvent("gap", "1.1.1.0-ab12", {}),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_events_are_told_once_whatever_the_pieces(size: int) -> None:
    reader = AnswerReader("text/event-stream; charset=utf-8")
    heard: list[HeardEvent] = []
    for at in range(0, len(EVENTS), size):
        assert reader.whole is None
        heard += reader.feed(EVENTS[at : at + size])
    assert heard == HEARD
    assert reader.whole == {"state": "succeeded", "complete": True}
    assert (reader.last, reader.retry) == ("1.3.1.0-ab12", 2.0)


def test_a_stream_that_was_cut_tells_no_half_of_an_event() -> None:
    for length in range(len(EVENTS)):
        reader = AnswerReader("text/event-stream")
        heard = reader.feed(EVENTS[:length])
        assert heard == HEARD[: len(heard)]
        assert reader.whole is None


def test_lines_may_end_as_the_standard_allows() -> None:
    reader = AnswerReader("text/event-stream")
    assert reader.feed(EVENTS.replace(b"\n", b"\r\n")) == HEARD


def test_white_space_in_front_of_one_object() -> None:
    text = b'\n\n\n{"complete": true}'
    for length in range(len(text)):
        reader = AnswerReader("application/json")
        assert reader.feed(text[:length]) == []
        assert reader.whole is None
    reader.feed(text[length:])
    assert reader.whole == {"complete": True}


@pytest.mark.parametrize("body", [b"", b"12", b"[]", b'"complete"', b"null", b"\xff", b'{"a": 1}{'])
def test_what_is_no_object_is_none(body: bytes) -> None:
    reader = AnswerReader("application/json")
    reader.feed(body)
    assert reader.whole is None


def test_a_page_is_nobodys_answer() -> None:
    reader = AnswerReader("Text/HTML; charset=utf-8")
    reader.feed(b"<h1>Log in</h1>")
    assert reader.whole == {}
