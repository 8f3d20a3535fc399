"""Writing at once.

Twisted's ``transport.write`` keeps what it is given until the reactor says that the socket can be written to: two calls
of epoll and one more turn of the loop for each answer. Nearly always the socket has room, so `send` tries first, and
leaves to Twisted what does not fit.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Connection


def send(transport: Any, data: bytes) -> None:
    """Write `data` behind all that was written before."""
    if isinstance(transport, Connection) and _has_nothing_to_write(transport):
        sent = transport.writeSomeData(data)
        if (
            isinstance(sent, int) and sent > 0
        ):  # after an error Twisted meets the same, and tells the protocol
            data = data[sent:]
    if data:
        transport.write(data)


def _has_nothing_to_write(transport: Any) -> bool:
    return (
        transport.connected
        and not transport.dataBuffer
        and not transport._tempDataBuffer
        and not transport.disconnecting
    )
