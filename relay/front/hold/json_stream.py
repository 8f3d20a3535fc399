"""The usual form of a committed answer (``docs/http.md``): heartbeats of white space, which JSON allows before a
document, then the envelope."""

from __future__ import annotations

from relay.http import response

LAST = b"0\r\n\r\n"  #: of the chunks of a body
_BEAT = b"\n"
_LINES = (
    "Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n"
    "X-Content-Type-Options: nosniff\r\nRelay-Outcome: in-body\r\nConnection: close\r\n"
)
_CHUNKED = "Transfer-Encoding: chunked\r\n"


def chunk(data: bytes) -> bytes:
    """Data as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def committed_lines(kind: str, chunked: bool) -> str:
    """The header lines of a committed answer of this content type."""
    lines = f"Content-Type: {kind}\r\n{_LINES}"
    return lines + _CHUNKED if chunked else lines


class JsonStream:
    """JSON, in chunks or as it is."""

    __slots__ = ("_lines", "beat", "chunked")

    def __init__(self, chunked: bool) -> None:
        self.chunked = chunked
        self.beat = chunk(_BEAT) if chunked else _BEAT
        self._lines = committed_lines("application/json", chunked)

    def head(self, lines: str) -> bytes:
        return response.head(200, lines + self._lines) + self.beat

    def end(self, envelope: bytes) -> bytes:
        return chunk(envelope) + LAST if self.chunked else envelope


PLAIN, CHUNKED = JsonStream(chunked=False), JsonStream(chunked=True)


def in_json(chunked: bool) -> JsonStream:
    """The stream for a connection that takes chunks, or takes none (HTTP/1.0)."""
    return CHUNKED if chunked else PLAIN
