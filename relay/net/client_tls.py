"""TLS to a server, whose certificate has to name it.

Twisted's own check (26.10) lets a certificate that names nobody pass: the error that such a one raises is logged, and
the connection goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from OpenSSL import SSL
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer


@implementer(IOpenSSLClientConnectionCreator)
class NamedServer:
    """Makes connections to the server of a host; `trust` is what signs its certificate, None for what this machine
    trusts."""

    def __init__(self, host: str, trust: Any = None) -> None:
        self._options = optionsForClientTLS(host, trust)
        self._identity = _identity(host)

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        """A connection that fails where the certificate does not name the host."""
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        wanted = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
        connection.set_verify(wanted, _check(self._identity, tlsProtocol))
        return connection


@implementer(IPolicyForHTTPS)
class NamedServers:
    """The same for an `Agent`."""

    def creatorForNetloc(self, hostname: bytes, port: int) -> NamedServer:
        """What connects to this host."""
        return NamedServer(hostname.decode("ascii"))


def _identity(host: str) -> ServiceID:
    if isIPAddress(host) or isIPv6Address(host):
        return IPAddress_ID(host)
    return DNS_ID(host if host.isascii() else host.encode("idna").decode("ascii"))


def _check(identity: ServiceID, protocol: Any) -> Callable[[SSL.Connection, Any, int, int, int], bool]:
    told = [protocol]  # let go of after the check, because its connection holds the check

    def check(connection: SSL.Connection, certificate: Any, error: int, depth: int, valid: int) -> bool:
        if depth:  # what has signed the certificate
            return bool(valid)
        of = told.pop() if told else None
        try:
            verify_service_identity(extract_patterns(certificate), [identity], [])
        except Exception:  # one that names others, or nobody, or can't be read
            if of is not None:
                of.failVerification(Failure())
            return False
        return bool(valid)

    return check
