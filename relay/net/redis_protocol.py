"""Redis' protocol as txredisapi speaks it, with bytes in and bytes out."""

from __future__ import annotations

from typing import Any

import hiredis
import txredisapi


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

    def replyReceived(self, reply: Any) -> None:
        """Raises `ValueError` for a reply that nothing asked for."""
        if not self.replyQueue.waiting:
            raise ValueError("an answer that nothing asked for")
        super().replyReceived(reply)
