"""Redis' protocol as txredisapi speaks it, with bytes in and bytes out."""

from __future__ import annotations

from typing import Any

import hiredis
import txredisapi
from OpenSSL import SSL
from twisted.python.failure import Failure


class RedisProtocol(txredisapi.RedisProtocol):  # type: ignore[misc]
    """Commands are packed by hiredis, and what comes is left as it is."""

    def __init__(self) -> None:
        super().__init__(charset=None, convertNumbers=False)

    def _build_command(self, *words: Any, **_: Any) -> bytes:
        packed: bytes = hiredis.pack_command(words)
        return packed

    def tryConvertData(self, data: Any) -> Any:
        return data

    def connectionMade(self) -> None:
        """The handshake is for whoever extends this: txredisapi's own would select a database."""
        self.connected = 1

    def connectionLost(self, why: Failure) -> None:
        """All that wait for a reply hear why there is none."""
        self.connected = 0
        while self.replyQueue.waiting:
            super().replyReceived(txredisapi.ConnectionError(why_lost(why)))
        super().connectionLost(why)

    def replyReceived(self, reply: Any) -> None:
        """Raises `ValueError` for a reply that nothing asked for."""
        if not self.replyQueue.waiting:
            raise ValueError("an answer that nothing asked for")
        super().replyReceived(reply)


def why_lost(why: Failure) -> str:
    """Why a connection was lost, in words: TLS has lists of them."""
    error = why.value
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        return f"TLS: {', '.join(reason for *_, reason in error.args[0])}"
    return str(why.getErrorMessage())
