"""Takes out of a server's bytes that it is about to close the connection (GOAWAY, RFC 9113, 6.8).

h2 (4.4) counts a connection as closed from there on, and refuses the answers to requests that the server still ends. So
these frames do not reach it. It also waits for the end of a frame that is longer than it takes: such a one is refused
here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from h2.exceptions import FrameTooLargeError

_HEAD = 9  # bytes: length (3), type, flags, stream (4)
_GOAWAY, _LEAST = 7, 8  # bytes that it has at least; h2 refuses a shorter one
_LONGEST = 16_384  # bytes of a frame that a server may send, unless it was told another number


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The server takes no further requests, and looks at none whose stream is after the `last`; `why` is its word."""

    last: int
    code: int
    why: str


class Goodbyes:
    """Reads the frames' heads, and what is in those that are goodbyes; all else passes as it comes."""

    def __init__(self) -> None:
        self._kept = b""  # the begin of a head, or of a goodbye
        self._left = 0  # bytes of the frame that passes

    def take(self, data: bytes) -> tuple[bytes, list[Goodbye]]:
        """What passes of some bytes, and the goodbyes in them. Raises `FrameTooLargeError`."""
        data, self._kept = self._kept + data, b""
        passed, found = bytearray(), []
        while data:
            if not self._left:
                size, is_goodbye = _head(data)
                if size > len(data) and (is_goodbye or size == _HEAD):
                    self._kept = data
                    break
                if is_goodbye:
                    found.append(_read(data[_HEAD:size]))
                    data = data[size:]
                    continue
                self._left = size
            part = data[: self._left]
            passed += part
            self._left -= len(part)
            data = data[len(part) :]
        return bytes(passed), found


def _head(data: bytes) -> tuple[int, bool]:
    """The bytes of a frame with its head, and whether it is a goodbye; those of a head, where that is not whole."""
    if len(data) < _HEAD:
        return _HEAD, False
    size = int.from_bytes(data[:3], "big")
    if size > _LONGEST:
        raise FrameTooLargeError(f"a frame of {size} bytes")
    return _HEAD + size, data[3] == _GOAWAY and size >= _LEAST


def _read(payload: bytes) -> Goodbye:
    last, code = struct.unpack(">LL", payload[:_LEAST])
    return Goodbye(last & 0x7FFFFFFF, code, payload[_LEAST:].decode("utf-8", "replace")[:200])
