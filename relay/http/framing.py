"""Where a request ends, by its head (RFC 9112, 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from relay.model.problems.base import RelayError
from relay.model.problems.request import Malformed, UnknownCoding, UnknownVersion


def misframed(version: str, headers: Mapping[str, Sequence[str]]) -> RelayError | None:
    """Why the end of a request with this head can't be told; None if it can."""
    if version not in ("1.0", "1.1"):
        return UnknownVersion()
    codings = headers.get("transfer-encoding")
    if codings is None:
        return None
    if version == "1.0":
        return Malformed("HTTP/1.0 has no Transfer-Encoding")
    return None if [coding.lower() for coding in codings] == ["chunked"] else UnknownCoding()


def named(said: str, headers: Mapping[str, Sequence[str]]) -> RelayError:
    """What llhttp said of bytes that are not a request, as an error."""
    if said == "Invalid HTTP version":
        return UnknownVersion()
    if "transfer-encoding" in headers and "`Transfer-Encoding`" in said:
        return UnknownCoding()
    return Malformed(said)
