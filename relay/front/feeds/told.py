"""Events of a job, as they are told: formed once for each form of stream, however many hear them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol


class JobEvent(NamedTuple):
    """One event. `data` is JSON without a line break; `id` is "" for one that is told together with the next, and
    takes nobody further."""

    name: str
    id: str
    data: bytes


#: names of events that are about what a job puts out; those of others are about its state
OUTPUT, RESET, GAP = "output", "reset", "gap"
OF_OUTPUT = frozenset({OUTPUT, RESET, GAP})


class EventForm(Protocol):
    """Makes bytes of events. Has no state."""

    def events(self, events: Sequence[JobEvent]) -> bytes:
        """What a client is sent; may be nothing."""


class ToldEvents:
    """Some events that are told together, behind others that were formed for more than these hearers."""

    __slots__ = ("_before", "_events", "_formed")

    def __init__(self, events: Sequence[JobEvent], before: ToldEvents | None = None) -> None:
        self._events = events
        self._before = before
        self._formed: dict[EventForm, bytes] = {}

    def formed(self, form: EventForm) -> bytes:
        """What is sent in this form."""
        data = self._formed.get(form)
        if data is None:
            before = b"" if self._before is None else self._before.formed(form)
            data = self._formed[form] = before + form.events(self._events)
        return data

    def __iter__(self) -> Iterator[JobEvent]:
        yield from self._before or ()
        yield from self._events


def one_line(text: bytes) -> bytes:
    """JSON on one line: a line break in it stands between its values, and never within a text."""
    return text.translate(_SPACES)


_SPACES = bytes.maketrans(b"\r\n", b"  ")
