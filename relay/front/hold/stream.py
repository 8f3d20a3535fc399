"""What a held request is sent once it is committed: a head, something now and then, an end. The forms differ in this
alone."""

from __future__ import annotations

from typing import Protocol


class Stream(Protocol):
    """The bytes of one form of body. Has no state: all holds share it. `chunked` says that the body is in chunks
    (RFC 9112, 7.1), `beat` is a heartbeat."""

    @property
    def chunked(self) -> bool: ...

    @property
    def beat(self) -> bytes: ...

    def head(self, lines: str) -> bytes:
        """The status line, these header lines, each with its line break, those of this form, and the first heartbeat:
        a buffering proxy keeps headers until a body starts."""

    def end(self, envelope: bytes) -> bytes:
        """The envelope, and the end of the body."""
