"""Origins of web pages (RFC 6454): scheme, host and port, in the one form in which browsers send them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv6Address

_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9_][a-z0-9_.-]{0,252})(?::(?P<port>[0-9]{1,5}))?"
)
_DEFAULT = {"http": 80, "https": 443}  # ports that stand in no origin
_LONGEST = 300  # characters


def origin_of(text: str) -> str:
    """An origin in the form of browsers: lower case, without the scheme's own port. Raises `ValueError` for what is
    none, such as `null` or a URL with a path."""
    match = _ORIGIN.fullmatch(text[: _LONGEST + 1].lower())
    port = int(match["port"] or 0) if match is not None else 0
    if match is None or not text.isascii() or port > 0xFFFF or (match["port"] and not port):
        raise ValueError(f"{text[:_LONGEST]!r} is not an origin")
    scheme, host = match["scheme"], match["host"]
    if host[0] == "[":
        host = f"[{IPv6Address(host[1:-1])}]"
    return f"{scheme}://{host}" + (f":{port}" if port and port != _DEFAULT[scheme] else "")


class PageOrigins:
    """Some origins. Raises `ValueError` for what is none."""

    __slots__ = ("_known",)

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._known = frozenset(map(origin_of, texts))

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def match(self, sent: Sequence[str]) -> str:
        """The one of these that a request's `Origin` fields name; "" if they name another one, none, or several."""
        if len(sent) != 1 or not self._known:
            return ""
        if sent[0] in self._known:
            return sent[0]
        try:
            origin = origin_of(sent[0])
        except ValueError:
            return ""
        return origin if origin in self._known else ""
