"""The PROXY protocol on a front's sockets: a header that can't be read ends only its own connection."""

from __future__ import annotations

from typing import Any

from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory

_UNKNOWN = b"PROXY UNKNOWN\r\n"  # which the specification allows,
_UNKNOWN_HERE = b"PROXY UNKNOWN \r\n"  # and as Twisted reads it


class Header(HAProxyProtocolWrapper):
    """A connection that begins with a PROXY header. Twisted's own lets errors of odd ones through."""

    def dataReceived(self, data: bytes) -> None:
        if self._parser is None and self._proxyInfo is None and data.startswith(_UNKNOWN):
            data = _UNKNOWN_HERE + data[len(_UNKNOWN) :]
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
