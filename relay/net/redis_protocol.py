"""Redis' protocol as txredisapi speaks it, with bytes in and bytes out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import hiredis
import txredisapi
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

#: makes what the Deferred of a command fails with, of the error that its reply is, or why there is none
ReadError = Callable[[Exception], Exception]


def as_it_is(error: Exception) -> Exception:
    """An error that nobody reads."""
    return error


class RedisProtocol(txredisapi.RedisProtocol):  # type: ignore[misc]
    """Commands are packed by hiredis, and what comes is left as it is. Each waits in a queue with one Deferred:
    txredisapi's own makes three of them, and some thirty calls."""

    def __init__(self) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self._asked: deque[tuple[Deferred[Any], Callable[[], None] | None, ReadError]] = deque()

    def execute_command(
        self, *words: Any, heard: Callable[[], None] | None = None, read: ReadError = as_it_is
    ) -> Deferred[Any]:
        """Send a command; fires with its reply. Whoever cancels this does not wait for that any more. `heard` is called
        when the reply has come, or never will; an error is told as what `read` makes of it. Raises
        `txredisapi.ConnectionError` where there is no connection."""
        if not self.connected:
            raise txredisapi.ConnectionError("Not connected")
        self.transport.write(hiredis.pack_command(words))
        answer: Deferred[Any] = Deferred()
        self._asked.append((answer, heard, read))
        return answer

    def connectionMade(self) -> None:
        """The handshake is for whoever extends this: txredisapi's own would select a database."""
        self.connected = 1

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """What a server says."""
        reader = self._reader
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not False:
                self.replyReceived(reply)
        except Exception as error:
            self.misread(error)

    def misread(self, error: Exception) -> None:
        """What the server says is not Redis' protocol, so that no reply can be told from the next: `ValueError` for one
        that nothing asked for, or `txredisapi.InvalidData`. For whoever extends this."""
        raise error

    def replyReceived(self, reply: Any) -> None:
        """A reply has come; an exception is one that refuses."""
        if not self._asked:
            raise ValueError("an answer that nothing asked for")
        answer, heard, read = self._asked.popleft()
        if heard is not None:
            heard()
        if answer.called:
            return
        if isinstance(reply, Exception):
            answer.errback(read(reply))
        else:
            answer.callback(reply)

    def connectionLost(self, why: Failure) -> None:
        """All that wait for a reply hear why there is none."""
        self.connected = 0
        while self._asked:
            self.replyReceived(txredisapi.ConnectionError(why_lost(why)))
        super().connectionLost(why)


def why_lost(why: Failure) -> str:
    """Why a connection was lost, in words: TLS has lists of them."""
    error = why.value
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        return f"TLS: {', '.join(reason for *_, reason in error.args[0])}"
    return str(why.getErrorMessage())
