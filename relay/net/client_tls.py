"""TLS to a server, whose certificate has to name it.

Twisted's own check (26.10) lets a certificate that names nobody pass: the error that such a one raises is logged, and
the connection goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from OpenSSL import SSL, crypto
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import Certificate, KeyPair, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


class TLSFileError(Exception):
    """A file for TLS can't be read, or is none; the message says which."""


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """Paths of PEM files, "" for those that are not given: the certificates of those who sign servers' (`ca`), and this
    client's own with its chain (`cert`) and its key (`key`; in the same file where it is not given)."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    def check(self) -> None:
        """Raises `TLSFileError` where one is of no use."""
        self.trust()
        self.certificate()

    def trust(self) -> Any:
        """What signs the certificates of servers, None for what this machine trusts. Raises `TLSFileError`."""
        if not self.ca:
            return None
        return trustRootFromCertificates(_certificates(_File.read(self.ca)))

    def certificate(self) -> dict[str, Any]:
        """This client's certificate, as words for Twisted's `CertificateOptions`. Raises `TLSFileError`."""
        if not self.cert:
            return {}
        return dict(_own(_File.read(self.cert), _File.read(self.key or self.cert)))


class _File(NamedTuple):
    path: str
    text: bytes

    @classmethod
    def read(cls, path: str) -> _File:
        try:
            return cls(path, Path(path).read_bytes())
        except OSError as error:
            raise TLSFileError(f"{path} can't be read: {error.strerror}") from error

    def blocks(self) -> list[tuple[bytes, bytes]]:
        return [(block[1], block[0]) for block in _BLOCK.finditer(self.text)]


@lru_cache(4)  # an RSA key takes 75 ms, and many connections are made at once when a server has gone
def _own(file: _File, key_file: _File) -> dict[str, Any]:
    own, *chain = [certificate.original for certificate in _certificates(file)]
    keys = [block for kind, block in key_file.blocks() if kind.endswith(b"PRIVATE KEY")]
    try:
        key = KeyPair.load(keys[0], crypto.FILETYPE_PEM).original
    except Exception as error:
        raise TLSFileError(f"{key_file.path} has no private key that can be read") from error
    if key.to_cryptography_key().public_key() != own.to_cryptography().public_key():
        raise TLSFileError(f"{file.path} and the key in {key_file.path} are not of each other")
    return {"privateKey": key, "certificate": own, "extraCertChain": chain}


@implementer(IOpenSSLClientConnectionCreator)
class NamedServer:
    """Makes connections to the server of a host; `trust` is what signs its certificate, None for what this machine
    trusts, and `certificate` that of this client (`TLSFiles`)."""

    def __init__(self, host: str, trust: Any = None, certificate: dict[str, Any] | None = None) -> None:
        self._options = optionsForClientTLS(host, trust, extraCertificateOptions=certificate or {})
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


def _certificates(file: _File) -> list[Certificate]:
    """The certificates of a file, one at least."""
    try:
        found = [Certificate.loadPEM(block) for kind, block in file.blocks() if kind == b"CERTIFICATE"]
    except SSL.Error as error:
        raise TLSFileError(f"{file.path} has a certificate that can't be read") from error
    if not found:
        raise TLSFileError(f"{file.path} has no certificate")
    return found


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
