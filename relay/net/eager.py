"""Writing at once.

Twisted's ``transport.write`` keeps what it is given until the reactor says that the socket can be written to: two
calls of epoll and one more turn of the loop for each command. Nearly always the socket has room, so `eager_write`
tries first, and leaves to Twisted what does not fit.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Connection


def eager_write(transport: Any, data: bytes) -> None:
    """Write `data` behind all that was written before."""
    if (
        isinstance(transport, Connection)
        and transport.connected
        and not (transport.dataBuffer or transport._tempDataBuffer or transport.disconnecting)
    ):
        try:
            sent = transport.socket.send(data)
        except OSError:  # no room, or an end that Twisted meets, too, and tells the protocol
            sent = 0
        data = data[sent:]
    if data:
        transport.write(data)
