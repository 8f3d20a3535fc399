"""TLS on a front's sockets: it negotiates HTTP/1.1, and does not half-close the socket below a TLS connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from OpenSSL import SSL, crypto
from twisted.internet.error import VerifyError
from twisted.protocols.haproxy._wrapper import HAProxyWrappingFactory
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory

#: what is raised for a key or a certificate that can't be used
BAD_CERTIFICATES = (crypto.Error, SSL.Error, VerifyError)
PROTOCOL = b"http/1.1"  # by its name in TLS (ALPN)


class Transport(BufferingTLSTransport):
    """A connection in TLS."""

    def loseWriteConnection(self) -> None:
        """Say that nothing more comes (close_notify), and read on until the client says so, too. The socket's own half
        is not closed: what was written is not all encrypted yet."""
        self.loseConnection()


def over_tls(options: Any, factory: Any) -> TLSMemoryBIOFactory:
    """What makes connections in TLS; `options` are those of a certificate."""
    options.getContext().set_alpn_select_callback(_choose)
    return TLSMemoryBIOFactory(options, False, factory)


def mistake_of(error: Exception) -> str:
    """What is wrong with an endpoint string, one line."""
    if isinstance(error, crypto.Error | SSL.Error):
        return "privateKey or certKey is not a file in PEM with a key or a certificate"
    if isinstance(error, VerifyError):
        return "privateKey is not the key of the certificate in certKey"
    return str(error)


def arranged(factory: Any) -> Any:
    """A factory as it has to be to serve: a proxy's header comes before TLS begins, and not in it."""
    if not isinstance(factory, TLSMemoryBIOFactory):
        return factory
    factory.protocol = Transport
    within: Any = factory.wrappedFactory
    if not isinstance(within, HAProxyWrappingFactory):
        return factory
    factory.wrappedFactory, within.wrappedFactory = within.wrappedFactory, factory
    return within


def _choose(connection: SSL.Connection, offered: Sequence[bytes]) -> bytes:
    """What is spoken with a client that offers these (ALPN); by an error OpenSSL tells it that none of them is."""
    if PROTOCOL not in offered:
        raise SSL.Error([("SSL routines", "", "no application protocol")])
    return PROTOCOL
