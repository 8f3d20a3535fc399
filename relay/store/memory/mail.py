"""The inboxes of the store in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.store.inbox import Inbox
from relay.store.mail import MailKind, Message
from relay.store.member import INBOX_TTL

Deliver = Callable[[list[Message]], None]


class Mailbox:
    """What one process was sent and has not read."""

    def __init__(self, expires: float) -> None:
        self.expires = expires
        self.unread: list[Message] = []


class Post:
    """Delivers mail to the inboxes that there are. A writer never makes one."""

    def __init__(self, clock: IReactorTime, lasting: float = INBOX_TTL) -> None:
        self._clock = clock
        self._lasting = lasting  # seconds that an inbox outlives its last sweep
        self._boxes: dict[str, Mailbox] = {}
        self._readers: dict[str, Callable[[], None]] = {}

    def keep_alive(self, inbox: str) -> bool:
        """A sweep: make the inbox, or make it live on, and write a beat into it; whether it was there."""
        was_there = self._find(inbox) is not None
        expires = self._clock.seconds() + self._lasting
        self._boxes.setdefault(inbox, Mailbox(expires)).expires = expires
        self.send(inbox, MailKind.BEAT, "-")
        return was_there

    def remove(self, inbox: str) -> None:
        self._boxes.pop(inbox, None)

    def remove_all(self) -> None:
        self._boxes.clear()

    def send(self, inbox: str, kind: str, id: str, data: bytes = b"") -> None:
        """Put a message into an inbox, if it is there."""
        box = self._find(inbox)
        if box is None:
            return
        box.unread.append(Message(kind, id, data))
        if inbox in self._readers:
            self._clock.callLater(0, self._readers[inbox])

    def listen(self, inbox: str, reader: Callable[[], None]) -> None:
        """Call `reader` when there is mail in an inbox, or may be."""
        self._readers[inbox] = reader
        self._clock.callLater(0, reader)

    def stop_listening(self, inbox: str) -> None:
        self._readers.pop(inbox, None)

    def take(self, inbox: str) -> list[Message]:
        """What was not read yet."""
        box = self._find(inbox)
        if box is None:
            return []
        unread, box.unread = box.unread, []
        return unread

    def _find(self, inbox: str) -> Mailbox | None:
        box = self._boxes.get(inbox)
        if box is not None and box.expires <= self._clock.seconds():
            del self._boxes[inbox]
            return None
        return box


class MemoryInbox(Inbox):
    """Calls `deliver` with the mail of one process, a message at a time: one that can't be delivered takes no other
    along."""

    _log = Logger()

    def __init__(self, post: Post, name: str, deliver: Deliver) -> None:
        self._post = post
        self._name = name
        self._deliver = deliver
        self._is_reading = False

    def start(self) -> None:
        self._is_reading = True
        self._post.listen(self._name, self._read)

    def stop(self) -> Deferred[Any]:
        self._is_reading = False
        self._post.stop_listening(self._name)
        return succeed(None)

    def expect(self, partition: int = 0) -> None:
        """A sweep has written into the inbox, which can't be deaf here."""

    def _read(self) -> None:
        for message in self._post.take(self._name) if self._is_reading else ():
            try:
                self._deliver([message])
            except Exception:
                self._log.failure("mail for job {id} could not be delivered", id=message.id)
