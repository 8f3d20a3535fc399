"""An identity provider: keys, tokens, and a server on this machine that publishes the keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate

ISSUER, AUDIENCE = "https://login.example.com/", "relay"
NOW = 1_800_000_000.0
CURVES: dict[str, Callable[[], Any]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RS256": lambda: rsa_key(2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
ALGORITHMS = ("ES256", "RS256", "EdDSA")


@cache
def rsa_key(bits: int, number: int = 0) -> rsa.RSAPrivateKey:
    """Made once: that takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def part(value: object) -> str:
    """A part of a token, of JSON or of bytes."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jwk(private: Any, **members: Any) -> dict[str, Any]:
    """The public half of a key, as a JWKS has it."""
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    kind: Any = next((each for base, each in kinds.items() if isinstance(private, base)), OKPAlgorithm)
    return {**kind.to_jwk(private.public_key(), as_dict=True), **members}


def jwks(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


class Issuer:
    """Issues tokens with its newest key."""

    def __init__(self, algorithm: str = "ES256", kid: str = "one", now: float = NOW) -> None:
        self.algorithm, self.kid, self.now = algorithm, kid, now
        self.private = CURVES[algorithm]()

    def jwk(self, **members: Any) -> dict[str, Any]:
        return jwk(self.private, **{"kid": self.kid, "use": "sig", "alg": self.algorithm, **members})

    def claims(self, **claims: Any) -> dict[str, Any]:
        """Those of a good token; None takes one out."""
        good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": self.now, "exp": self.now + 600}
        return {name: value for name, value in {**good, **claims}.items() if value is not None}

    def token(self, head: dict[str, Any] | None = None, **claims: Any) -> str:
        """Signed by PyJWT."""
        said = {"kid": self.kid, **(head or {})}
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(self.claims(**claims), self.private, algorithm=self.algorithm, headers=said)

    def signed(self, head: object, payload: object) -> str:
        """A token of any head and payload, signed nevertheless."""
        text = f"{part(head)}.{part(payload)}"
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        return f"{text}.{part(algorithm.sign(text.encode(), self.private))}"


class Served(Protocol):
    """Answers each request with what its provider has for the path."""

    factory: Any
    _buffer = b""

    def connectionMade(self) -> None:
        self.factory.open += 1

    def dataReceived(self, data: bytes) -> None:
        self._buffer += data
        head, end, _ = self._buffer.partition(b"\r\n\r\n")
        if end:
            self._buffer = b""
            path = head.split(b" ")[1].decode()
            self.factory.asked.append((path, head.lower()))
            self.factory.answer(self, path)

    def connectionLost(self, reason: Any = None) -> None:
        self.factory.open -= 1
        self.factory.look()

    def say(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.transport.write("\r\n".join(lines).encode() + body)  # type: ignore[union-attr]


class ProviderServer(Factory):
    """Serves a JWKS over TLS, or whatever `says` does with the connection of a request."""

    protocol = Served
    noisy = False

    def __init__(self, reactor: Any, certificate: Path) -> None:
        pem = certificate.read_bytes()
        options = PrivateCertificate.loadPEM(pem).options()
        self.port = reactor.listenSSL(0, self, options, interface="127.0.0.1")
        self.url = f"https://localhost:{self.port.getHost().port}/keys"
        self.jwks = jwks()
        self.headers: Iterable[str] = ()
        self.says: Callable[[Served], object] | None = None  # instead of the keys
        self.asked: list[tuple[str, bytes]] = []
        self.open = 0
        self._closed: list[Deferred[None]] = []

    def answer(self, served: Served, path: str) -> None:
        if self.says is not None and path == "/keys":
            self.says(served)
        else:
            served.say(self.jwks, "200 OK", *self.headers)

    def look(self) -> None:
        if not self.open:
            waiting, self._closed = self._closed, []
            for each in waiting:
                each.callback(None)

    def all_closed(self) -> Deferred[None]:
        """Fires when no connection is open."""
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        self.look()
        return closed

    async def stop(self) -> None:
        if self.port.connected:
            await self.port.stopListening()
