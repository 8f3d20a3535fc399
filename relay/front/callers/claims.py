"""What a JWT says: its head before it is checked, its claims after that."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec

from relay.front.callers.key_set import ALGORITHMS, ProviderKey
from relay.front.callers.strict_json import read_object
from relay.model.caller import JobPatterns
from relay.model.problems.caller import Unauthorized

LONGEST = 8 << 10  # characters of a token
MOST_JOBS = 100  # patterns of a claim
_LATEST = 253_402_300_800  # the end of the year 9999: later times are milliseconds, or a mistake
_PART = r"[A-Za-z0-9_-]+"
_TOKEN = re.compile(rf"({_PART})\.{_PART}\.{_PART}", re.ASCII)
#: kinds of tokens that let their bearer in (RFC 9068, 2.1); others are notices of a logout, proofs, …
_KINDS = ("", "jwt", "at+jwt")


class TokenHead(msgspec.Struct, frozen=True, gc=False):
    """What a token says of its signature. `kid` is "" where it names no key."""

    algorithm: str
    kid: str = ""


class Expected(msgspec.Struct, frozen=True, gc=False):
    """What a token has to say. `skew`: seconds that the provider's clock may be off."""

    issuer: str
    audience: str
    skew: float = 0.0


def head_of(token: str) -> TokenHead:
    """The head of a token, which anybody may have written. Keys in it, or addresses of keys, are not looked at. Raises
    `Unauthorized`."""
    if len(token) > LONGEST:
        raise Unauthorized(f"the token is longer than {LONGEST >> 10} KiB")
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Unauthorized("the token is not a JWT: these have three parts, in base64")
    try:
        said = read_object(_decoded(match[1]))
    except ValueError:
        raise Unauthorized("the head of the token is malformed") from None
    return _checked(said)


def _checked(said: dict[str, Any]) -> TokenHead:
    algorithm, kid, kind = said.get("alg"), said.get("kid", ""), said.get("typ", "")
    if algorithm not in ALGORITHMS:
        raise Unauthorized(f"the token is not signed by one of {', '.join(ALGORITHMS)}")
    if "crit" in said or "b64" in said:
        raise Unauthorized("the head of the token has extensions that relay does not know (crit, b64)")
    if not isinstance(kid, str) or ("kid" in said and not kid):
        raise Unauthorized("the key that the token names (kid) is not a name")
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _KINDS:
        raise Unauthorized("the token is not one for access (typ)")
    return TokenHead(algorithm, kid)


def claims_of(token: str, key: ProviderKey) -> dict[str, Any]:
    """The claims of a token that `head_of` has taken and this key has signed. Raises `Unauthorized`."""
    signed, _, signature = token.rpartition(".")
    try:
        if not key.has_signed(signed.encode(), _decoded(signature)):
            raise Unauthorized("the signature of the token is not valid")
        return read_object(_decoded(signed.partition(".")[2]))
    except ValueError:
        raise Unauthorized("the token is malformed") from None


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def check(claims: dict[str, Any], expected: Expected, now: float) -> float:
    """Check who issued a token, for whom, and when; the time at which it ends, skew included. Raises `Unauthorized`."""
    if claims.get("iss") != expected.issuer:
        raise Unauthorized("the token is of another issuer (iss)")
    if not _is_among(expected.audience, claims.get("aud")):
        raise Unauthorized("the token is not for this relay (aud)")
    for name, why in (("nbf", "is not valid yet"), ("iat", "was issued in the future")):
        if name in claims and _time(claims, name) > now + expected.skew:
            raise Unauthorized(f"the token {why} ({name})")
    if "exp" not in claims:
        raise Unauthorized("the token has no end (exp)")
    end = _time(claims, "exp") + expected.skew
    if end <= now:
        raise Unauthorized("the token has expired (exp)")
    return end


def _is_among(audience: str, said: object) -> bool:
    """An audience is a text, or a list of texts (RFC 7519, 4.1.3)."""
    if isinstance(said, list):
        return all(isinstance(each, str) for each in said) and audience in said
    return said == audience


def _time(claims: dict[str, Any], name: str) -> float:
    said = claims[name]
    if isinstance(said, bool) or not isinstance(said, int | float) or not 0 <= said < _LATEST:
        raise Unauthorized(f"a time of the token is malformed ({name})")
    return float(said)


def jobs_of(claims: dict[str, Any], name: str) -> JobPatterns:
    """What a claim of this name allows: a list of patterns, or a text with spaces between them. A claim that is missing
    or malformed allows nothing."""
    said = claims.get(name)
    texts = said.split() if isinstance(said, str) else said
    if not isinstance(texts, list) or len(texts) > MOST_JOBS:
        return JobPatterns(())
    try:
        return JobPatterns.parse(texts)
    except ValueError:
        return JobPatterns(())
