"""What decompresses bodies, no further than it is asked to."""

from __future__ import annotations

import zlib
from collections import deque
from typing import Protocol

from twisted.web.http_headers import Headers

from relay.model.problems.upstream import UpstreamError

PIECE = 1 << 16  # bytes decompressed at once
JUNK = 1 << 16  # bytes after the end of what is compressed
#: zlib's window for each encoding that is asked for or commonly sent unasked
_WINDOWS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}
_GZIP = b"\x1f\x8b"


class Decoder(Protocol):
    """Takes a body as it was sent, and gives it as it is meant."""

    @property
    def empty(self) -> bool:
        """Whether `read` has nothing to give before more is fed."""

    @property
    def finished(self) -> bool:
        """Whether the body may end here."""

    def feed(self, data: bytes) -> None:
        """Take more of the body."""

    def read(self) -> bytes:
        """The next piece, of about `PIECE` bytes at most, or nothing. Raises `zlib.error`, `UpstreamError`."""


class UncodedBody:
    """A body as it is."""

    finished = True

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()

    @property
    def empty(self) -> bool:
        return not self._pieces

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)

    def read(self) -> bytes:
        return self._pieces.popleft() if self._pieces else b""


class Inflate:
    """A body that is compressed with gzip, in one member or in several, or with deflate."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._inflate = zlib.decompressobj(window)
        self._input = b""
        self._begun = False
        self._is_full = False  # zlib may have more to give without more input
        self._junk = 0

    @property
    def finished(self) -> bool:
        return self._inflate.eof

    @property
    def empty(self) -> bool:
        return not self._input and not self._is_full

    def feed(self, data: bytes) -> None:
        """Take a piece of the coded body."""
        if (
            not self._begun and self._window == 15 and data[0] & 0x0F != 8
        ):  # what some call deflate has no head
            self._inflate = zlib.decompressobj(-15)
        self._begun = True
        self._input += data

    def read(self) -> bytes:
        """A piece of the decoded body; empty if more has to be fed first."""
        while not self.empty and not self.finished:
            piece = self._inflate.decompress(self._input, PIECE)
            self._input, self._is_full = self._inflate.unconsumed_tail, len(piece) == PIECE
            if self.finished:
                self._input, self._is_full = self._inflate.unused_data, False
                self._next_member()
            if piece:
                return piece
        self._drop_junk()
        return b""

    def _next_member(self) -> None:
        if self._window == 31 and self._input and _GZIP.startswith(self._input[:2]):
            self._inflate = zlib.decompressobj(self._window)

    def _drop_junk(self) -> None:
        """What follows after the end is no part of the body."""
        self._junk += len(self._input)
        self._input = b""
        if self._junk > JUNK:
            raise UpstreamError("upstream-encoding", "much follows after the end of the compressed body")


class UndecodableBody(UncodedBody):
    """A body in an encoding that nothing is made of here."""

    def read(self) -> bytes:
        raise UpstreamError("upstream-encoding", "the body is compressed more than once")


def decoder(headers: Headers) -> Decoder:
    """What decodes a body with these headers, from which what no longer holds is taken out. A body in an encoding
    that is not known is left as it is."""
    said = b",".join(headers.getRawHeaders(b"content-encoding", [])).lower().split(b",", 10)
    encodings = [name.strip() for name in said if name.strip() not in (b"", b"identity")]
    if not any(name in _WINDOWS for name in encodings):
        return UncodedBody()
    headers.removeHeader(b"content-encoding")
    headers.removeHeader(b"content-length")
    return Inflate(_WINDOWS[encodings[0]]) if len(encodings) == 1 else UndecodableBody()
