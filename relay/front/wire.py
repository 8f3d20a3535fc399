"""The bytes that a committed hold sends. Their form is in ``docs/http.md``."""

from __future__ import annotations

from collections.abc import Iterable

BEAT = b"\n"  # white space, which JSON allows before a document
CHUNKED_BEAT = b"1\r\n\n\r\n"

_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store, no-transform"),
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
    ("Relay-Outcome", "in-body"),
    ("Connection", "close"),
)
_CHUNKED = ("Transfer-Encoding", "chunked")


def head(headers: Iterable[tuple[str, str]], chunked: bool) -> bytes:
    """The status line, all headers, and the first heartbeat: a buffering proxy keeps headers until a body starts."""
    lines = ["HTTP/1.1 200 OK"]
    lines += [f"{name}: {value}" for name, value in (*headers, *_HEADERS, *([_CHUNKED] if chunked else []))]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (CHUNKED_BEAT if chunked else BEAT)


def tail(envelope: bytes, chunked: bool) -> bytes:
    """The envelope and the end of the body."""
    return chunk(envelope) + b"0\r\n\r\n" if chunked else envelope


def chunk(data: bytes) -> bytes:
    """Data as one chunk of a chunked body (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)
