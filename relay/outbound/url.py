"""URLs that can be called: http or https, with a host that can be one."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Any

from hyperlink import DecodedURL, EncodedURL
from twisted.web.client import URI

from relay.model.problems.upstream import UpstreamError

LONGEST = 16 << 10  # characters
_LONGEST_HOST = 253
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}


class _URL(EncodedURL):
    """hyperlink's, which takes addresses of IPv6 for names, and refuses names with an underscore."""

    def to_uri(self) -> EncodedURL:
        if not self.host.isascii():
            return super().to_uri()
        named: EncodedURL = EncodedURL.to_uri(self.replace(host="host"))
        return named.replace(host=self.host.lower())


def ascii_of(url: EncodedURL) -> bytes:
    """A URL that was `checked`, as it is sent."""
    return url.to_text().encode("ascii")


def checked(given: Any) -> EncodedURL:
    """A URL as a handler gives it (text, bytes, or hyperlink's), in ASCII; raises `UpstreamError` (`bad-url`)."""
    try:
        return _checked(_read(given))
    except UpstreamError:
        raise
    except Exception as error:  # of hyperlink, idna or Python: it is none
        raise UpstreamError("bad-url", f"it can't be read: {str(error)[:200]}") from None


def host_of(url: bytes) -> str:
    """The host of a checked URL, with its port where that is not the scheme's own."""
    uri = URI.fromBytes(url)
    scheme, name = uri.scheme.decode("latin-1"), uri.host.decode("latin-1").lower()
    shown = f"[{name}]" if ":" in name else name
    return shown if uri.port == _PORTS.get(scheme) else f"{shown}:{uri.port}"


def origin_of(url: bytes) -> tuple[bytes, bytes, int]:
    """Scheme, host and port of a checked URL."""
    uri = URI.fromBytes(url)
    return uri.scheme, uri.host.lower(), uri.port


def _read(given: Any) -> EncodedURL:
    if isinstance(given, DecodedURL | EncodedURL):
        given = given.to_text(with_password=True)
    text = given.decode("ascii") if isinstance(given, bytes) else str(given)
    if len(text) > LONGEST:
        raise UpstreamError("bad-url", f"it has more than {LONGEST} characters")
    if _CONTROL.search(text) or text != text.strip():
        raise UpstreamError("bad-url", "it has control characters, or spaces around it")
    return _URL.from_text(text)


def _checked(url: EncodedURL) -> EncodedURL:
    if url.scheme not in _PORTS:
        raise UpstreamError("bad-url", f"the scheme is {url.scheme[:20]!r}, not http or https")
    if url.userinfo:
        raise UpstreamError("bad-url", "it has a user name before its host")
    if not 0 < (url.port or 0) < 65536:
        raise UpstreamError("bad-url", "its port is not a port number")
    if len(url.host) > _LONGEST_HOST:
        raise UpstreamError("bad-url", "its host is too long")
    ascii = url.to_uri()
    if not _is_host(ascii.host):
        raise UpstreamError("bad-url", f"{ascii.host[:80]!r} is not a host")
    ascii.to_text().encode("ascii")
    return ascii


def _is_host(host: str) -> bool:
    if ":" in host:
        return "%" not in host and bool(IPv6Address(host))
    labels = host.removesuffix(".").split(".")
    return len(host) <= _LONGEST_HOST and all(_LABEL.fullmatch(label) for label in labels)
