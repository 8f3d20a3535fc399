"""The connections of a site: what they share, when each has to end, and how all of them close."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.http.doors import Doors
from relay.http.exchange import Pages
from relay.model.memo import Memo
from relay.telemetry.events import UNHEARD, Events
from relay.timing.recurring import recurring

_MOST_REMEMBERED = 1000  # targets
LOOK = 0.25  # seconds between looks at the deadlines of all connections


class Limited(Protocol):
    """A connection as it is watched (`relay.http.watched`). `deadline` is by the clock, 0 for none."""

    deadline: float

    def look(self) -> None:
        """Notice what no event tells of one that is `Connections.paused`."""

    def on_deadline(self) -> None:
        """The deadline has passed."""

    def close_when_idle(self) -> None:
        """Close as soon as the answer that is due is out."""


class Connections:
    """Watches them. `body_limit` is bytes of a request's body, `keepalive` seconds without a request; `doors` counts
    who is connected, `events` hear of each request's end."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        pages: Pages,
        body_limit: int,
        keepalive: float,
        doors: Doors,
        events: Events = UNHEARD,
    ) -> None:
        self.clock = clock
        self.now = clock.seconds
        self.pages = pages
        self.body_limit = body_limit
        self.keepalive = keepalive
        self.doors = doors
        self.events = events
        #: what was asked for of late, method and path, by method and target
        self.asked: Memo[tuple[str, bytes], tuple[str, str]] = Memo(_MOST_REMEMBERED)
        #: fires when the last connection has closed, once `close` was called
        self.closing: Deferred[None] | None = None
        #: those on which nothing is read at the moment
        self.paused: set[Limited] = set()
        self._all: set[Limited] = set()
        self._looking = recurring(clock, self._look)

    def __len__(self) -> int:
        return len(self._all)

    def start(self) -> None:
        if not self._looking.running:
            self._looking.start(LOOK, now=False)

    def stop(self) -> None:
        if self._looking.running:
            self._looking.stop()

    def add(self, connection: Limited) -> None:
        """A connection was made."""
        self._all.add(connection)

    def forget(self, connection: Limited) -> None:
        """A connection has closed, or was taken over."""
        self._all.discard(connection)
        self.paused.discard(connection)
        if not self._all and self.closing is not None and not self.closing.called:
            self.closing.callback(None)

    def close(self) -> Deferred[None]:
        """Close every connection as soon as its answer is out, or that of one more request; fires when all have."""
        self.closing = Deferred()
        for connection in list(self._all):
            connection.close_when_idle()
        if not self._all and not self.closing.called:
            self.closing.callback(None)
        return self.closing

    def _look(self) -> None:
        self._call_all([each.look for each in self.paused])
        now = self.now()
        self._call_all([each.on_deadline for each in self._all if 0 < each.deadline <= now])

    def _call_all(self, calls: list[Callable[[], None]]) -> None:
        for call in calls:
            try:
                call()
            except Exception:  # the others have deadlines, too
                self._log.failure("the time limit of a connection could not be enforced")
