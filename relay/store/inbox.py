"""A process' inbox: a stream of its own, read by one blocking command at a time on a connection of its own.

What was read is trimmed some reads at a time, together with the next read. After a connection was lost, the stream is
read again from its start, so nothing is missed, and readers must accept a message twice. Whatever goes wrong, reading
goes on.

Each sweep writes into the inbox, so a reader that hears nothing for seconds after one reads from the wrong server (a
former master) or over a dead connection: it reads on over another connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.redis.connection import SILENCE, Connection, LinkLost, Refused
from relay.store.mail import Message
from relay.timing.backoff import Backoff
from relay.timing.timers import Alarm

DEAF = 5  # seconds in which a reader hears what a sweep wrote
AGAIN = Backoff(0.1, limit=1.0)  # before a Redis that refuses is asked again
_BLOCK = 5.0  # seconds that one read waits
_MOST = 500  # entries of one read
_START = b"0"
#: reads, and bytes of messages, that are trimmed together: a command more for each read costs as much as the read
_MOST_READS, _MOST_BYTES = 16, 32 << 10


class Inbox(Protocol):
    """Hears what one process is told, from `start` to `stop`."""

    def start(self) -> None: ...

    def stop(self) -> Deferred[Any]: ...

    def expect(self, partition: int = 0) -> None:
        """A sweep of this partition has written into the inbox there."""


class RedisInbox:
    """Reads the stream `key` and calls `deliver` with the mail of each read. Where that raises, the mail is delivered
    again, a message at a time, so that one that can't be delivered takes no other along."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        link: Connection,
        key: str,
        deliver: Callable[[list[Message]], None],
    ) -> None:
        self._clock = clock
        self._link = link
        self._key = key
        self._deliver = deliver
        self._reading: Deferred[Any] | None = None
        self._stopped = False
        self._failures = 0  # of reads in a row
        self._silence = Alarm(clock, lambda: link.drop("the inbox is silent"))
        self._unheard: float | None = None  # since when; None: nothing is
        self._reads = self._bytes = 0  # that were not trimmed
        #: called when reading has ended though it was not stopped
        self.on_end: Callable[[Failure], None] = lambda failure: self._log.failure(
            "an inbox is no longer read", failure
        )

    def start(self) -> None:
        self._link.start()
        self._read(_START)

    def stop(self) -> Deferred[None]:
        """Read nothing more, and close the connection."""
        self._stopped = True
        self._silence.stop()
        if self._reading is not None:
            self._reading.cancel()
        return self._link.stop()

    def expect(self) -> None:
        """A sweep has written into the inbox."""
        now = self._clock.seconds()
        if not self._link.up:
            self._unheard = None
        elif self._unheard is None:
            self._unheard = now
        elif now - self._unheard >= DEAF:
            self._unheard = None
            self._link.drop(f"nothing was heard of sweeps for {DEAF} s, so the inbox is read again")

    # -- reading --

    def _read(self, seen: bytes) -> None:
        """Read what comes after this entry, and so on."""
        if self._stopped:
            return
        try:
            self._reading = waiting = self._wait(seen)
        except Exception as error:  # an entry that was read has an odd id, say
            self._odd(error)
            return
        waiting.addCallbacks(self._heard, self._failed, (seen,)).addErrback(self._ended)

    def _heard(self, reply: Any, seen: bytes) -> None:
        try:
            entries = reply[0][1] if reply else None
            if entries:  # a stream may be there and have none
                self._take(entries)
                seen = entries[-1][0]
        except Exception as error:
            self._odd(error)
        else:
            self._failures = 0
            self._read(seen)

    def _failed(self, failure: Failure) -> Failure | None:
        match failure.value:
            case LinkLost():
                self._read(_START)
            case Refused() as refusal:
                self._link.health.refused(refusal)
                self._read_later()
            case Exception() as error if not isinstance(error, CancelledError):
                self._odd(error)
            case _:
                return failure
        return None

    def _odd(self, error: Exception) -> None:
        self._link.health.complain(
            "odd inbox", LogLevel.error, "sent a message that can't be read: {error}", error=repr(error)
        )
        self._read_later()

    def _read_later(self) -> None:
        """Read again from the start, later the more reads have failed."""
        self._failures += 1
        self._reading = deferLater(self._clock, AGAIN.pause(self._failures), self._read, _START)
        self._reading.addErrback(self._ended)

    def _wait(self, seen: bytes) -> Deferred[Any]:
        if seen != _START and (self._reads >= _MOST_READS or self._bytes >= _MOST_BYTES):
            self._reads = self._bytes = 0
            self._link.command("XTRIM", self._key, "MINID", _after(seen)).addErrback(self._not_trimmed)
        block = int(_BLOCK * 1000)
        words = ("XREAD", "COUNT", _MOST, "BLOCK", block, "STREAMS", self._key, seen)
        waiting = self._link.command(*words, blocking=True)
        if self._link.up:
            self._silence.set(_BLOCK + SILENCE)
        else:
            self._silence.stop()
        return waiting

    def _not_trimmed(self, failure: Failure) -> None:
        if isinstance(failure.value, Refused):
            self._link.health.refused(failure.value)

    def _take(self, entries: list[Any]) -> None:
        """Deliver what was read."""
        self._unheard = None
        mail = self._mail(entries)
        try:
            self._deliver(mail)
        except Exception:
            self._deliver_each(mail)
        self._reads += 1

    def _mail(self, entries: list[Any]) -> list[Message]:
        """The messages of entries, but those that can't be read."""
        mail = []
        for _, pairs in entries:
            for id, text in zip(pairs[::2], pairs[1::2], strict=True):
                try:
                    self._bytes += len(text)
                    mail.append(Message(chr(text[0]), id.decode(), text[1:]))
                except Exception:
                    self._undelivered(id.decode("utf-8", "replace"))
        return mail

    def _deliver_each(self, mail: list[Message]) -> None:
        for message in mail:
            try:
                self._deliver([message])
            except Exception:
                self._undelivered(message.id)

    def _undelivered(self, id: str) -> None:
        self._log.failure("a message for job {id} could not be delivered", id=id)

    def _ended(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.on_end(failure)


def _after(entry: bytes) -> bytes:
    """The smallest stream id above this one."""
    milliseconds, _, sequence = entry.partition(b"-")
    return b"%s-%d" % (milliseconds, int(sequence) + 1)
