"""Committed answers that tell what happens to a job while it happens: as server-sent events, or as lines of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from relay.front.feeds.told import OF_OUTPUT, EventForm, JobEvent
from relay.front.hold.json_stream import LAST, chunk, committed_lines
from relay.front.hold.stream import Stream
from relay.http import response
from relay.model.state import State

RETRY = 2000  # ms after which a client comes back whose stream has ended


class EventStream(Stream, EventForm, Protocol):
    """The bytes of one form. What it makes of events is framed, and `end` takes it so."""

    @property
    def name(self) -> str:
        """By which other fronts know it."""

    def first(self, id: str) -> bytes:
        """What is sent at once; `id` is that of what the client was told before."""

    def last(self, envelope: bytes, retry: int) -> bytes:
        """What is sent when the stream ends and the job has not: where it stands, and after how many ms the client is
        to come back, 0 for the usual time."""


class _Framed:
    """What both have in common. `beat` is a heartbeat, as its form has it."""

    __slots__ = ("_lines", "beat", "chunked")
    _KIND = _BEAT = ""

    def __init__(self, chunked: bool) -> None:
        self.chunked = chunked
        self._lines = committed_lines(self._KIND, chunked)
        self.beat = self._framed(self._BEAT.encode())

    def head(self, lines: str) -> bytes:
        return response.head(200, lines + self._lines)

    def end(self, envelope: bytes) -> bytes:
        return envelope + LAST if self.chunked else envelope

    def _framed(self, data: bytes) -> bytes:
        return chunk(data) if self.chunked and data else data


class ServerSentEvents(_Framed):
    """As ``text/event-stream``, which browsers read by themselves (`EventSource`)."""

    __slots__ = ()
    _KIND, _BEAT = "text/event-stream", ": beat\n\n"
    name = "events"

    def first(self, id: str) -> bytes:
        return self._framed(f"retry: {RETRY}\nid: {id}\ndata:\n\n".encode())

    def events(self, events: Sequence[JobEvent]) -> bytes:
        return self._framed(b"".join(map(_event, events)))

    def last(self, envelope: bytes, retry: int) -> bytes:
        return self._framed(f"retry: {retry}\n\n".encode() if retry else b"")


class JsonLines(_Framed):
    """As ``application/x-ndjson``: what the job puts out, a line each, and the envelope as the last line."""

    __slots__ = ()
    _KIND, _BEAT = "application/x-ndjson", "\n"
    name = "lines"

    def first(self, id: str) -> bytes:
        return self.beat

    def events(self, events: Sequence[JobEvent]) -> bytes:
        return self._framed(b"".join(map(_line, events)))

    def last(self, envelope: bytes, retry: int) -> bytes:
        return self._framed(envelope + b"\n")


def _event(event: JobEvent) -> bytes:
    id = f"id: {event.id}\n" if event.id else ""
    return b"event: %b\n%bdata: %b\n\n" % (event.name.encode(), id.encode(), event.data)


def _line(event: JobEvent) -> bytes:
    """Of the state the end alone is told, by its envelope."""
    if event.name in _ENDS:
        return event.data + b"\n"
    if event.name not in OF_OUTPUT:
        return b""
    members = [b'"event":"%b"' % event.name.encode()]
    if event.id:
        members.append(b'"id":"%b"' % event.id.encode())
    if event.data != b"{}":
        members.append(event.data[1:-1])
    return b"{%b}\n" % b",".join(members)


_ENDS = frozenset(state.value for state in State if state.complete)
_FORMS: dict[tuple[str, bool], EventStream] = {
    (form.name, chunked): form(chunked) for form in (ServerSentEvents, JsonLines) for chunked in (False, True)
}
EVENTS, LINES = ServerSentEvents.name, JsonLines.name


def event_stream(name: str, chunked: bool) -> EventStream:
    """The form of this name for a connection that takes chunks, or takes none (HTTP/1.0). Raises `KeyError`."""
    return _FORMS[name, chunked]
