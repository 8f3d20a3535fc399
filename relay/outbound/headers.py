"""The headers of an answer, less what takes long to read."""

from __future__ import annotations

from twisted.web.http_headers import Headers
from werkzeug.http import parse_options_header

from relay.outbound.charset import codec, is_trap

COOKIES, LONGEST_COOKIE = 50, 4096  # of one answer, and bytes of each: what browsers keep (RFC 6265, 6.1)
_LONGEST_TYPE = 1_000  # characters of a media type with its parameters


def tamed(headers: Headers) -> Headers:
    """A copy with as many cookies as browsers keep, and without a charset that is a trap: treq reads both."""
    tame = headers.copy()
    cookies = headers.getRawHeaders(b"set-cookie")
    if cookies is not None:
        tame.setRawHeaders(b"set-cookie", [one for one in cookies if len(one) <= LONGEST_COOKIE][:COOKIES])
    kind, charset = _type(headers)
    if is_trap(charset):
        tame.setRawHeaders("content-type", [kind])
    return tame


def media_type(headers: Headers) -> tuple[str, str]:
    """The media type, and the codec of the charset that is named with it; "" where there is none, or none that is
    known."""
    kind, charset = _type(headers)
    return kind, codec(charset)


def _type(headers: Headers) -> tuple[str, str]:
    said = (headers.getRawHeaders("content-type") or [""])[-1]
    if len(said) > _LONGEST_TYPE:
        return "application/octet-stream", "undefined"
    kind, options = parse_options_header(said)
    return kind, options.get("charset", "")
