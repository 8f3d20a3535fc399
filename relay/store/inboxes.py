"""The inboxes of a process: one in each partition of the store, each read over a connection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, gatherResults

from relay.store.inbox import Inbox, RedisInbox
from relay.store.mail import Message


class Deliver(Protocol):
    """What is called with mail, and with the number of the partition that it came from."""

    def __call__(self, mail: list[Message], partition: int = 0) -> None: ...


class Inboxes(Inbox):
    """What one process is told, by whichever partition."""

    def __init__(self, inboxes: Sequence[RedisInbox]) -> None:
        """In the order of their partitions."""
        self._inboxes = tuple(inboxes)

    def start(self) -> None:
        for inbox in self._inboxes:
            inbox.start()

    def stop(self) -> Deferred[Any]:
        return gatherResults([inbox.stop() for inbox in self._inboxes])

    def expect(self, partition: int = 0) -> None:
        self._inboxes[partition].expect()
