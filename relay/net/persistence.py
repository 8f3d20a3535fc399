"""Whether a connection can take another request after an answer, and for how long (RFC 9112, 9.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import inf

from twisted.web.http_headers import Headers

MARGIN = 1.0  # seconds before its server closes an idle connection: a request is on its way meanwhile
_TIMEOUT = re.compile(rb"\btimeout\s*=\s*\"?(\d{1,9})\b")  # of `Keep-Alive: timeout=5, max=100`


def idle_seconds(version: tuple[bytes, int, int], status: int, headers: Headers) -> float:
    """For how long a connection may be idle after an answer: 0.0 if it must not be used again, `inf` if its server does
    not say. `headers` are those that say how the answer is framed."""
    options = _tokens(headers, b"connection")
    protocol, major, minor = version
    if (protocol, major) != (b"HTTP", 1) or b"close" in options or _is_ambiguous(status, headers):
        return 0.0
    if minor < 1 and (b"keep-alive" not in options or headers.hasHeader(b"transfer-encoding")):
        return 0.0
    told = _TIMEOUT.search(b",".join(_tokens(headers, b"keep-alive")))
    return max(0.0, int(told[1]) - MARGIN) if told else inf


def _is_ambiguous(status: int, headers: Headers) -> bool:
    """Whether two readers could find the end of an answer in different places (RFC 9112, 6.1 and 6.3): what one takes
    for the rest of it would be the answer to the next request."""
    codings = _values(headers, b"transfer-encoding")
    lengths = _values(headers, b"content-length")
    if status == 204:  # has no body, so one that it announces comes behind its end
        return bool(codings) or any(length.strip(b"0, ") for length in lengths)
    return len(codings) > 1 or bool(codings and lengths)


def _tokens(headers: Headers, name: bytes) -> list[bytes]:
    return [token.strip().lower() for value in _values(headers, name) for token in value.split(b",")]


def _values(headers: Headers, name: bytes) -> Sequence[bytes]:
    return headers.getRawHeaders(name) or ()
