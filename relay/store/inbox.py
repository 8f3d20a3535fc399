"""A process' inbox: a stream of its own, read by one blocking command at a time on a connection of its own.

What was read is trimmed along with the next read. After the connection broke everything is read again from the
start, so nothing is missed; readers don't mind hearing a thing twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.store.link import SILENCE, Link, LinkLost
from relay.store.messages import Mail

_BLOCK = 5.0  # seconds that one read waits
_MOST = 500  # entries of one read


class Inbox:
    """Reads the stream `key` and calls `deliver` with each batch of mail."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, link: Link, key: str, deliver: Callable[[list[Mail]], None]
    ) -> None:
        self._clock = clock
        self._link = link
        self._key = key
        self._deliver = deliver
        self._reading: Deferred[None] | None = None

    def start(self) -> None:
        self._link.start()
        self._reading = ensureDeferred(self._read())
        self._reading.addErrback(lambda failure: failure.trap(CancelledError))

    def stop(self) -> Deferred[None]:
        if self._reading is not None:
            self._reading.cancel()
        return self._link.stop()

    async def _read(self) -> None:
        seen = b"0"
        while True:
            try:
                seen = self._take(await self._wait(seen)) or seen
            except LinkLost:
                seen = b"0"
            except TimeoutError:
                self._link.drop()
                seen = b"0"

    def _wait(self, seen: bytes) -> Deferred[Any]:
        if seen != b"0":
            self._link.command("XTRIM", self._key, "MINID", _after(seen)).addErrback(lambda _: None)
        block = int(_BLOCK * 1000)
        words = ("XREAD", "COUNT", _MOST, "BLOCK", block, "STREAMS", self._key, seen)
        waiting = self._link.command(*words, blocking=True)
        if self._link.up:
            waiting.addTimeout(_BLOCK + SILENCE, self._clock)
        return waiting

    def _take(self, reply: Any) -> bytes | None:
        if not reply:
            return None
        entries = reply[0][1]
        mail = [
            Mail(chr(text[0]), id.decode(), text[1:])
            for _, pairs in entries
            for id, text in zip(pairs[::2], pairs[1::2], strict=True)
        ]
        try:
            self._deliver(mail)
        except Exception:
            self._log.failure("mail could not be delivered")
        last: bytes = entries[-1][0]
        return last


def _after(entry: bytes) -> bytes:
    """The smallest stream id above this one."""
    milliseconds, _, sequence = entry.partition(b"-")
    return b"%s-%d" % (milliseconds, int(sequence) + 1)
