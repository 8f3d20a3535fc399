"""The rest of a connection whose request was refused: said everything, reads what still comes, to no end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from relay.timers import stop_timer

LINGER_TIME = 5.0  # seconds that a refused body is discarded for
LINGER_BYTES = 16 << 20


class Lingering(Protocol):
    """Discards; `gone` is called when the connection has closed."""

    def __init__(self, reactor: Any, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._left = LINGER_BYTES
        self._timer = reactor.callLater(LINGER_TIME, self._abort)

    def connectionMade(self) -> None:
        half_close = getattr(self.transport, "loseWriteConnection", None)
        if half_close is not None:
            half_close()

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self._abort()

    def connectionLost(self, reason: Failure | None = None) -> None:
        stop_timer(self._timer)
        self._gone()

    def _abort(self) -> None:
        self.transport.abortConnection()  # type: ignore[union-attr]
