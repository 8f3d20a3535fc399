"""The usual form of a committed answer (``docs/http.md``): heartbeats of white space, which JSON allows before a
document, then the envelope."""

from __future__ import annotations

from collections.abc import Sequence

from relay.http import response

_BEAT = b"\n"
_HEADERS = (
    ("Content-Type", "application/json"),
    ("Cache-Control", "no-store, no-transform"),
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
    ("Relay-Outcome", "in-body"),
    ("Connection", "close"),
)
_CHUNKED = ("Transfer-Encoding", "chunked")


def chunk(data: bytes) -> bytes:
    """Data as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class JsonStream:
    """JSON, in chunks or as it is."""

    __slots__ = ("_headers", "beat", "chunked")

    def __init__(self, chunked: bool) -> None:
        self.chunked = chunked
        self.beat = chunk(_BEAT) if chunked else _BEAT
        self._headers = (*_HEADERS, _CHUNKED) if chunked else _HEADERS

    def head(self, headers: Sequence[tuple[str, str]]) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in (*headers, *self._headers)])
        return response.head(200, lines) + self.beat

    def end(self, envelope: bytes) -> bytes:
        return chunk(envelope) + b"0\r\n\r\n" if self.chunked else envelope


PLAIN, CHUNKED = JsonStream(chunked=False), JsonStream(chunked=True)


def in_json(chunked: bool) -> JsonStream:
    """The stream for a connection that takes chunks, or takes none (HTTP/1.0)."""
    return CHUNKED if chunked else PLAIN
