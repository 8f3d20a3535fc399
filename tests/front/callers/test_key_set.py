"""Which keys of a JWKS are used."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed448, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from relay.front.callers.key_set import MOST_KEYS, KeySet
from tests.front.callers.provider import ALGORITHMS, Issuer, jwk, jwks, rsa_key


def names(*keys: object) -> list[str]:
    """The keys that are used, by name."""
    found = KeySet.parse(jwks(*keys))
    assert found.said == len(keys)
    return [key.kid for key in found.keys]


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes(-(-value.bit_length() // 8))).decode().rstrip("=")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_need_not_say_what_it_is_for(algorithm: str) -> None:
    said = Issuer(algorithm).jwk()
    bare = {name: value for name, value in said.items() if name not in ("alg", "use", "key_ops")}
    (found,) = KeySet.parse(jwks(bare)).keys
    assert (found.kid, found.algorithm) == ("one", algorithm)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "members",
    [
        {"use": "enc"},
        {"use": 1},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
        {"alg": "HS256"},
        {"alg": "RS512"},
        {"alg": None},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": ["RSA"]},
        {"crv": ["P-256"]},
        {"crv": {"P-256": 1}},
        {"crv": "P-384"},
        {"kid": 1},
        {"kid": None},
    ],
    ids=str,
)
def test_a_key_for_something_else_is_skipped(algorithm: str, members: dict[str, Any]) -> None:
    assert names(Issuer(algorithm).jwk(**members), Issuer("ES256", "good").jwk()) == ["good"]


@pytest.mark.parametrize(
    ("algorithm", "name"), [("ES256", "x"), ("ES256", "y"), ("RS256", "n"), ("RS256", "e"), ("EdDSA", "x")]
)
@pytest.mark.parametrize(
    "value", [None, "", 1, ["AQAB"], "A", "AAAA", "!!!!", "A" * 42, "ö" * 43, "A" * 2000]
)
def test_a_key_that_is_broken_is_skipped(algorithm: str, name: str, value: Any) -> None:
    assert names(Issuer(algorithm).jwk(**{name: value}), Issuer("ES256", "good").jwk()) == ["good"]


def test_a_point_that_is_not_on_the_curve_is_no_key() -> None:
    """Else signatures could be forged for it."""
    said = Issuer().jwk()
    assert names({**said, "y": said["x"]}) == []


def test_curves_that_no_token_may_use_are_skipped() -> None:
    assert names(jwk(ed448.Ed448PrivateKey.generate(), kid="448"), Issuer("ES384").jwk(alg="ES384")) == []


def test_rsa_keys_have_2048_to_8192_bits() -> None:
    def of(bits: int) -> dict[str, Any]:
        return {"kty": "RSA", "kid": str(bits), "n": number((1 << bits) - 1), "e": "AQAB"}

    assert names(*map(of, (512, 1024, 2047, 2048, 3072, 8192, 8193, 8200, 16_384))) == [
        "2048",
        "3072",
        "8192",
    ]
    assert names(jwk(rsa_key(1024), kid="real")) == []


@pytest.mark.parametrize("exponent", [0, 1, 2, 65536, (1 << 66) + 1])
def test_rsa_keys_with_a_bad_exponent_are_skipped(exponent: int) -> None:
    said = jwk(rsa_key(2048), kid="one")
    assert names({**said, "e": number(exponent)}) == []
    assert names(said) == ["one"]


def test_of_a_key_that_was_published_whole_the_public_half_is_used() -> None:
    """Signatures are checked with it, and a private half that does not belong to it changes nothing."""
    issuer, number_ = Issuer(), Issuer("RS256", "two")
    whole = ECAlgorithm.to_jwk(issuer.private, as_dict=True) | {"kid": "one"}
    other = RSAAlgorithm.to_jwk(number_.private, as_dict=True) | {"kid": "two", "key_ops": ["sign", "verify"]}
    assert names(whole, other) == ["one", "two"]
    found = KeySet.parse(jwks(whole, {**other, "d": "AAAA"})).keys
    assert isinstance(found[1].key.key, rsa.RSAPublicKey)


def test_a_key_that_stands_twice_is_one() -> None:
    said = Issuer().jwk()
    found = KeySet.parse(jwks(said, said))
    assert len(found.keys) == 1
    assert len(found.fitting("one", "ES256")) == 1


def test_keys_that_differ_have_different_marks() -> None:
    first = Issuer()
    said = [first.jwk(), first.jwk(kid="two"), Issuer().jwk(), Issuer("EdDSA").jwk(), Issuer("RS256").jwk()]
    assert len(KeySet.parse(jwks(*said)).marks) == 5
    assert KeySet.parse(jwks(said[0])).marks == KeySet.parse(jwks(first.jwk(use="sig", x5t="A"))).marks


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"keys": {}}',
        b'{"keys": null}',
        b"<html>",
        b"\xff",
        b'{"keys": [}',
        b"[" * 5000,
    ],
)
def test_what_is_no_set_of_keys_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        KeySet.parse(text)


def test_a_set_has_100_keys_at_most() -> None:
    keys = [Issuer("EdDSA", str(n)).jwk() for n in range(MOST_KEYS + 1)]
    assert len(names(*keys[1:])) == MOST_KEYS
    with pytest.raises(ValueError, match="100 keys"):
        KeySet.parse(jwks(*keys))


def test_what_is_no_key_is_skipped() -> None:
    assert names(None, 1, "key", [], {}, Issuer().jwk()) == ["one"]


MEMBERS = ["kty", "crv", "x", "y", "n", "e", "alg", "use", "kid", "key_ops", "d", "k"]
VALUES = st.sampled_from(
    ["EC", "RSA", "OKP", "oct", "P-256", "Ed25519", "AQAB", "A" * 43, "A" * 342]
) | st.text(max_size=9)


@given(st.lists(st.dictionaries(st.sampled_from(MEMBERS), VALUES | st.none() | st.integers()), max_size=3))
@settings(max_examples=120, deadline=None)
def test_no_keys_of_any_values_are_an_error(keys: list[dict[str, Any]]) -> None:
    KeySet.parse(json.dumps({"keys": keys}).encode())
