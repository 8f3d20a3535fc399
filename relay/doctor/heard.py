"""An answer as it comes over the wire: what came when, in seconds from the request on."""

from __future__ import annotations

from typing import Any

import httptools
import msgspec


class BodyPiece(msgspec.Struct, frozen=True):
    """Bytes of a body that came together."""

    at: float
    data: bytes


class Heard:
    """Reads an answer from the bytes of a connection.

    `interim`: statuses of what came before it (100) · `headers`: names as they were written · `head_at`: when its head
    was there · `complete`: whether its end was, which is unknown of a body that ends with its connection.
    """

    def __init__(self) -> None:
        self.status = 0
        self.version = ""
        self.interim: list[int] = []
        self.headers: list[tuple[str, str]] = []
        self.head_at = 0.0
        self.pieces: list[BodyPiece] = []
        self.complete = False
        self.keeps_alive = False
        self.broken = ""  # why the rest can't be read
        self._now = 0.0
        self._parser: Any = httptools.HttpResponseParser(self)

    def feed(self, data: bytes, now: float) -> None:
        """Bytes have come."""
        self._now = now
        if self.complete or self.broken:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.broken = str(error)

    # -- what the answer was --

    def header(self, name: str) -> str:
        """The values of a header, joined by commas; "" where it is missing."""
        return ", ".join(value for each, value in self.headers if each.lower() == name.lower())

    @property
    def body(self) -> bytes:
        return b"".join(piece.data for piece in self.pieces)

    def json(self) -> dict[str, Any]:
        """Its body, {} where that is no object, or not all of it is there."""
        try:
            value = msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def is_of_relay(self) -> bool:
        """Whether relay answered, not something in front of it."""
        return bool(self.header("Relay-Source") or self.header("Relay-Outcome"))

    @property
    def shown(self) -> str:
        """The status, and who says it."""
        if not self.status:
            return "no answer"
        server = self.header("Server")
        who = "relay" if self.is_of_relay else server or "something in front of relay"
        return f"{self.status} by {who}"

    # -- what the parser calls --

    def on_message_begin(self) -> None:
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """One that comes before the answer itself (100) is noted and gone."""
        status = self._parser.get_status_code()
        if status < 200:
            self.interim.append(status)
            return
        self.status, self.version, self.head_at = status, self._parser.get_http_version(), self._now
        self.keeps_alive = self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self.pieces.append(BodyPiece(self._now, body))

    def on_message_complete(self) -> None:
        self.complete = self.status != 0
