"""An answer as it comes: the events in it, and the one whole object that it ends with, or has not."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

EVENTS = "text/event-stream"
_PAGE = "text/html"


class HeardEvent(NamedTuple):
    """What happened to a job: `name` is ``queued``, ``started``, ``retrying``, ``progress``, ``output``, ``reset`` or
    ``gap``, `data` what relay says of it (docs/events.md), `id` its place among the job's events."""

    name: str
    id: str
    data: Any


class AnswerReader:
    """Reads one answer, of a media type, in whatever pieces it comes.

    `has_begun`: whether a byte of it has come · `last`: id of the last event, "" before the first · `retry`: seconds
    after which relay wants to be asked again when a stream of events has ended, None where it did not say.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind.partition(";")[0].strip().lower()
        self._unread = bytearray()
        self._fields: dict[str, str] = {}
        self._end: dict[str, Any] | None = None
        self.has_begun = False
        self.last = ""
        self.retry: float | None = None

    def feed(self, data: bytes) -> list[HeardEvent]:
        """The events that are whole now, but for the last one, which tells the end."""
        self.has_begun = self.has_begun or bool(data)
        self._unread += data
        if self._kind != EVENTS:
            return []
        *lines, rest = self._unread.split(b"\n")
        self._unread = bytearray(rest)
        heard = [self._line(line.rstrip(b"\r").decode("utf-8", "replace")) for line in lines]
        return [event for event in heard if event is not None]

    @property
    def whole(self) -> dict[str, Any] | None:
        """The object that the answer has been read to be; {} for a page of some proxy's; None if it is none, is not
        whole, or is a stream of events that has not told the end."""
        if self._kind == EVENTS:
            return self._end
        if self._kind == _PAGE:
            return {}
        return _object(bytes(self._unread))

    def _line(self, line: str) -> HeardEvent | None:
        if line:
            name, _, value = line.partition(":")
            before = f"{self._fields['data']}\n" if name == "data" and "data" in self._fields else ""
            self._fields[name] = before + value.removeprefix(" ")
            return None
        fields, self._fields = self._fields, {}
        self.last = fields.get("id", self.last)
        if fields.get("retry", "").isdecimal():
            self.retry = int(fields["retry"]) / 1000
        if "event" not in fields:
            return None
        return self._event(fields["event"], fields.get("data", ""))

    def _event(self, name: str, data: str) -> HeardEvent | None:
        try:
            said = json.loads(data)
        except ValueError:
            return None
        if isinstance(said, dict) and said.get("complete") is True:
            self._end = said
            return None
        return HeardEvent(name, self.last, said)


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
