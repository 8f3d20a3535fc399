"""From bytes to requests: llhttp (httptools) parses, heads and bodies have their limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import httptools

from relay.errors import HeadTooLarge, Malformed, MethodRefused, RelayError, TooLarge
from relay.front.answers import METHODS
from relay.front.request import Request

HEAD_LIMIT = 16 << 10  # bytes of a request's line and headers
_UPGRADING = ("upgrade", "http2-settings")


class Reader(ABC):
    """Takes bytes apart. A parser is there in the middle of a request only: it is made in no time, and not small."""

    def __init__(self, body_limit: int) -> None:
        self._body_limit = body_limit
        self._parser: Any = None
        self._reading = False  # in the middle of a request
        self._completed = False  # a request, by what was read last
        #: nothing more is read
        self._refused = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[str, list[str]] = {}
        self._body: list[bytes] = []
        self._size = 0  # of the head, then of the body
        self._in_head = True

    # -- whoever reads --

    @abstractmethod
    def began(self) -> None:
        """The first byte of a request is here."""

    @abstractmethod
    def take(self, request: Request) -> None:
        """A request is here, whole."""

    @abstractmethod
    def proceed(self) -> None:
        """The client wants to be told before it sends the body (``Expect: 100-continue``)."""

    @abstractmethod
    def refuse(self, error: RelayError, head: str = "") -> None:
        """What comes is no request, or must not be read whole."""

    # -- bytes --

    def read(self, data: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        self._completed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self.refuse(MethodRefused(), f"Allow: {', '.join(METHODS)}\r\n")
        except httptools.HttpParserError as error:
            self.refuse(Malformed(str(error)))
        if not self._reading:
            self._parser = None
        elif self._in_head and not self._completed:
            self._grow(len(data), HEAD_LIMIT, HeadTooLarge)

    def _go_on(self, rest: bytes) -> None:
        """Another protocol was offered, which nobody has to take up. The parser has stopped behind the head: begin
        again with the same request, less the offer."""
        parser, self._parser = self._parser, None
        if self._refused:
            return
        method, version = parser.get_method(), parser.get_http_version()
        if method == b"CONNECT":
            self.refuse(MethodRefused(), f"Allow: {', '.join(METHODS)}\r\n")
            return
        lines = [f"{method.decode()} {self._target.decode('latin-1')} HTTP/{version}"]
        for name, values in self._headers.items():
            if name not in _UPGRADING:
                lines += [
                    f"{name}: {_not_upgrading(value) if name == 'connection' else value}" for value in values
                ]
        self._begin()
        self.read("\r\n".join([*lines, "", ""]).encode("latin-1") + rest)

    def _grow(self, more: int, limit: int, error: type[RelayError]) -> bool:
        """Count what is read; False once it is too much."""
        self._size += more
        if self._size > limit:
            self.refuse(error(limit=limit))
        return not self._refused

    # -- what llhttp calls --

    def on_message_begin(self) -> None:
        self._reading = True
        self.began()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        self._grow(len(name) + len(value), HEAD_LIMIT, HeadTooLarge)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._size = 0
        if self._refused or self._parser.should_upgrade():
            return
        length = self._headers.get("content-length", ["0"])[0]
        if self._grow(int(length), self._body_limit, TooLarge) and self._expects():
            self.proceed()
        self._size = 0

    def _expects(self) -> bool:
        return "expect" in self._headers and self._headers["expect"][0].lower() == "100-continue"

    def on_body(self, data: bytes) -> None:
        if self._grow(len(data), self._body_limit, TooLarge):
            self._body.append(data)

    def on_message_complete(self) -> None:
        parser = self._parser
        if self._refused or parser.should_upgrade():
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        version = parser.get_http_version()
        keep_alive = parser.should_keep_alive() and version == "1.1"
        request = Request(
            parser.get_method().decode(), self._target, version, self._headers, body, keep_alive
        )
        self._begin()
        self._reading = False
        self._completed = True
        self.take(request)


def _not_upgrading(connection: str) -> str:
    """A Connection header without what offers another protocol."""
    options = [option.strip() for option in connection.split(",")]
    return ", ".join(option for option in options if option.lower() not in _UPGRADING)
