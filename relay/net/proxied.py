"""The PROXY protocol on a front's sockets: a header that can't be read ends only its own connection."""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory

_LOCAL = 0x20  # version 2 and the command LOCAL, in the 13th byte of a header
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


class ProxyHeader(NamedTuple):
    """What a PROXY header says: for whom a connection was passed on (an address of Twisted's, None where it does not
    say), and whether the proxy itself is the client (LOCAL, which is how it looks whether we are there)."""

    source: Any
    is_local: bool


def header_of(transport: Any) -> ProxyHeader | None:
    """The PROXY header of a connection; None for one without."""
    while hasattr(transport, "wrappedProtocol"):
        if isinstance(transport, HAProxyProtocolWrapper):
            info: Any = transport._proxyInfo
            is_local = info.header[12:13] == bytes([_LOCAL]) and not info.header.startswith(b"PROXY")
            return ProxyHeader(info.source, is_local)
        transport = transport.transport
    return None


def with_headers(factory: Any) -> Any:
    """The same factory; where it reads PROXY headers, all of them."""
    layer = factory
    while layer is not None:
        if isinstance(layer, HAProxyWrappingFactory):
            layer.protocol = Header  # type: ignore[assignment]
        layer = getattr(layer, "wrappedFactory", None)
    return factory
