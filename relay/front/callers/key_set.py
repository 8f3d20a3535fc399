"""The public keys of an identity provider, as its JWKS (RFC 7517) has them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from relay.front.callers.strict_json import read_object

MOST_KEYS = 100
#: bits of an RSA key: with fewer it can be broken, and with more each check takes long
RSA_BITS = range(2048, 8193)
_LONGEST = 1400  # characters of a value: 8192 bits are 1366 in base64
_LONGEST_EXPONENT = 11  # 64 bits
#: by type and curve of a key the one algorithm that it is used with, and what makes it up
_USES: dict[tuple[Any, Any], tuple[str, tuple[str, ...]]] = {
    ("EC", "P-256"): ("ES256", ("kty", "crv", "x", "y")),
    ("RSA", None): ("RS256", ("kty", "n", "e")),
    ("OKP", "Ed25519"): ("EdDSA", ("kty", "crv", "x")),
}
ALGORITHMS = tuple(algorithm for algorithm, _ in _USES.values())


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One key. `kid` is its name, "" if it has none; `mark` is another for every other key or name."""

    kid: str
    algorithm: str
    mark: bytes
    key: jwt.PyJWK

    def has_signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this is the key's signature of a text, by the key's own algorithm."""
        return self.key.Algorithm.verify(text, self.key.key, signature)


class KeySet:
    """The keys that can be used, of `said` that the provider names."""

    def __init__(self, keys: Iterable[ProviderKey] = (), said: int = 0) -> None:
        self.keys = tuple(keys)
        self.said = said
        self.marks = frozenset(key.mark for key in self.keys)

    def fitting(self, kid: str, algorithm: str) -> list[ProviderKey]:
        """The keys with this name and for this algorithm; with any name where `kid` is "". Those that a token can be
        checked with are one."""
        return [key for key in self.keys if key.algorithm == algorithm and kid in ("", key.kid)]

    @classmethod
    def parse(cls, text: bytes) -> KeySet:
        """Keys of other kinds and for other uses are skipped. Raises `ValueError` for what is no set of keys."""
        said = read_object(text).get("keys")
        if not isinstance(said, list):
            raise ValueError("it is not a JWKS: it has no list of keys")
        if len(said) > MOST_KEYS:
            raise ValueError(f"it has more than {MOST_KEYS} keys")
        read = (_key(each) for each in said if isinstance(each, dict))
        return cls({key.mark: key for key in read if key is not None}.values(), len(said))


def _key(said: Mapping[str, Any]) -> ProviderKey | None:
    """A key that can be used; None for any other. What is private of it is not looked at."""
    kid, kind = said.get("kid", ""), (said.get("kty"), said.get("crv"))
    use = _USES.get(kind) if all(isinstance(each, str | None) for each in kind) else None
    if use is None or not isinstance(kid, str) or not _is_for(said, use[0]):
        return None
    values = {name: said.get(name) for name in use[1]}
    if not all(isinstance(value, str) and len(value) <= _LONGEST for value in values.values()):
        return None
    if len(values.get("e") or "") > _LONGEST_EXPONENT:
        return None
    try:
        key = jwt.PyJWK(values, use[0])
    except (jwt.PyJWTError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size not in RSA_BITS:
        return None
    return ProviderKey(kid, use[0], _mark(kid, values), key)


def _is_for(said: Mapping[str, Any], algorithm: str) -> bool:
    """Whether it may check signatures of an algorithm, by what it says itself (RFC 7517, 4.2 to 4.4)."""
    operations = said.get("key_ops", ["verify"])
    return (
        said.get("alg", algorithm) == algorithm
        and said.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _mark(kid: str, values: Mapping[str, Any]) -> bytes:
    return hashlib.sha256("\0".join((kid, *values.values())).encode("utf-8", "surrogatepass")).digest()
