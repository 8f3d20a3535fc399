"""What each process that works with the store has: the store, an inbox, recurring work, begun and ended together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from relay.store.inbox import Inbox
from relay.timing.recurring import recurring


class Startable(Protocol):
    """A store of either role."""

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]: ...


class Membership:
    """Of a front or a worker. `work` has what is done again and again, each with its pause in seconds."""

    def __init__(
        self, clock: IReactorTime, store: Startable, inbox: Inbox, work: Mapping[Callable[[], Any], float]
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._work = [(recurring(clock, body), seconds) for body, seconds in work.items()]

    def start(self) -> None:
        """Connect, read the inbox, and begin the work."""
        self._store.start()
        self._inbox.start()
        for work, seconds in self._work:
            work.start(seconds)

    def stop_work(self) -> None:
        """Begin none of it again."""
        for work, _ in self._work:
            work.stop()

    async def leave(self) -> None:
        """Let go of the inbox, then of the store."""
        await self._inbox.stop()
        await self._store.stop()
