"""Servers whose certificates name the host, another one, or nobody."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from service_identity import CertificateError, VerificationError
from twisted.internet import reactor as _reactor
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from relay.net.client_tls import NamedServer

reactor: Any = _reactor
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(names: list[str]) -> bytes:
    """Signed by itself, with its key; `names` are those of hosts."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, KEY.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - day).not_valid_after(now + day)
    if names:
        hosts = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(hosts, critical=False)
    plain = serialization.NoEncryption()
    encoding = serialization.Encoding.PEM
    private = KEY.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    return private + builder.sign(KEY, hashes.SHA256()).public_bytes(encoding)


class Greeting(Protocol):
    """Says a word on each connection."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(b"hello")


class Hearing(Protocol):
    """Hears the word, or why it never came."""

    def __init__(self) -> None:
        self.heard: Deferred[bytes] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        if not self.heard.called:
            self.heard.callback(data)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if not self.heard.called:
            self.heard.errback(reason)


@pytest.fixture
def ports() -> Iterator[list[Any]]:
    made: list[Any] = []
    yield made
    for port in made:
        pytest_twisted.blockon(port.stopListening())


async def greeted(ports: list[Any], names: list[str]) -> bytes:
    """What a client hears of a server whose certificate it trusts and has these names."""
    own = ssl.PrivateCertificate.loadPEM(certificate(names))
    ports.append(reactor.listenSSL(0, Factory.forProtocol(Greeting), own.options(), interface="127.0.0.1"))
    endpoint = HostnameEndpoint(reactor, b"localhost", ports[-1].getHost().port)
    hearing: Hearing = await connectProtocol(
        wrapClientTLS(NamedServer("localhost", own), endpoint), Hearing()
    )
    try:
        return await hearing.heard
    finally:
        assert hearing.transport is not None
        hearing.transport.loseConnection()


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_names_the_host_is_good(ports: list[Any]) -> None:
    assert await greeted(ports, ["elsewhere.example", "localhost"]) == b"hello"


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_names_another_host_is_refused(ports: list[Any]) -> None:
    with pytest.raises(VerificationError):
        await greeted(ports, ["elsewhere.example"])


@pytest_twisted.ensureDeferred
async def test_a_certificate_that_names_nobody_is_refused(ports: list[Any]) -> None:
    with pytest.raises(CertificateError):
        await greeted(ports, [])
