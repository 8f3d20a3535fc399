"""Those who are told the same events of one job, at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from relay.front.feeds.crowd import Crowd, with_one, without
from relay.front.feeds.log_reads import LogReads
from relay.front.feeds.told import JobEvent, ToldEvents
from relay.model.status import JobStatus, Outcome
from relay.store.fronts import FrontStore

ONE = 40e-6  # seconds until more is told, for each who hears it: four times what it takes to tell it
LONGEST = 0.02  # seconds until then, at most
FEW = 50  # are told at once


class Hears(Protocol):
    """Somebody who is told all that happens to a job."""

    def hear(self, told: ToldEvents) -> None:
        """Events, in their order. Raises nothing."""

    def hear_end(self, told: ToldEvents, outcome: Outcome) -> None:
        """The last ones: the job has ended."""

    def hear_failure(self, failure: Failure) -> None:
        """What happens to the job will never be known here."""


class Watches(Protocol):
    """Somebody who wants to know where a job stands, or is about to hear it."""

    def changed(self, known: JobStatus) -> None:
        """Where it stands now."""

    def hear_failure(self, failure: Failure) -> None:
        """What happens to the job will never be known here."""


@dataclass(frozen=True, slots=True)
class FeedContext:
    """What all feeds of a front share. `logs` reads what jobs have put out; `drop` forgets a feed to which nobody
    listens any more."""

    clock: IReactorTime
    store: FrontStore
    logs: LogReads
    prefix: str
    drop: Callable[[Any], None]


class Audience:
    """Many who hear much are told it a few times a second less often, with all that came until then."""

    __slots__ = ("_context", "_hears", "_pending", "_told")

    def __init__(self, context: FeedContext) -> None:
        self._context = context
        self._hears: Crowd[Hears] = ()
        self._pending: Sequence[JobEvent] = ()  # to be told soon
        self._told = 0.0  # when something was last told, by the clock

    def _let_in(self, hears: Hears) -> None:
        self._hears = with_one(self._hears, hears)

    def _let_out(self, hears: Hears) -> None:
        self._hears = without(self._hears, hears)

    def _tell(self, events: Sequence[JobEvent]) -> None:
        """At once where that takes little time, else soon."""
        if not events:
            return
        if self._pending:
            self._pending = [*self._pending, *events]
            return
        self._pending = events
        pause = min(LONGEST, ONE * (len(self._hears) - FEW))
        left = self._told + pause - self._context.clock.seconds() if pause > 0 else 0.0
        if left > 0:
            self._context.clock.callLater(left, self.flush)
        else:
            self.flush()

    def flush(self) -> None:
        """Tell what is to be told."""
        if self._pending:
            told, self._pending = ToldEvents(self._pending), ()
            if len(self._hears) > FEW:
                self._told = self._context.clock.seconds()
            for each in tuple(self._hears):
                each.hear(told)

    def _tell_end(self, events: Sequence[JobEvent], outcome: Outcome) -> None:
        """With all that is to be told; nobody hears more."""
        told, self._pending = ToldEvents([*self._pending, *events]), ()
        hears, self._hears = self._hears, ()
        for each in tuple(hears):
            each.hear_end(told, outcome)
