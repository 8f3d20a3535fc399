"""The PROXY protocol on a front's sockets: a header that can't be read ends its connection, and nothing more."""

from __future__ import annotations

from typing import Any

from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory


class Header(HAProxyProtocolWrapper):
    """A connection that begins with a PROXY header. Twisted's own lets errors of odd ones through."""

    def dataReceived(self, data: bytes) -> None:
        try:
            super().dataReceived(data)
        except Exception:
            if self._proxyInfo is not None:  # it is not the header that failed
                raise
            self.loseConnection()


def with_headers(factory: Any) -> Any:
    """The same factory; where it reads PROXY headers, all of them."""
    layer = factory
    while layer is not None:
        if isinstance(layer, HAProxyWrappingFactory):
            layer.protocol = Header  # type: ignore[assignment]
        layer = getattr(layer, "wrappedFactory", None)
    return factory
