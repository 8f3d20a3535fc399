"""From bytes to requests: llhttp (httptools) parses; heads, trailers and bodies have their limits.

What llhttp calls only notes what it found. Requests are handed on once it has returned: an error on the way back
through it would arrive wrapped, or not at all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import httptools
from twisted.logger import Logger

from relay.http.request import METHODS, Request
from relay.model.problems.request import (
    HeadTooLarge,
    Malformed,
    MethodRefused,
    RelayError,
    TooLarge,
    UnknownCoding,
    UnknownVersion,
)

HEAD_LIMIT = 16 << 10  # bytes of a request's target, and of the names and values of its headers
PADDED_LIMIT = 64 << 10  # bytes of a head with all that stands between those
TRAILER_LIMIT = 8 << 10  # bytes of the names and values of trailers, which are not kept
_LINE_COST = 4  # bytes of a header beside its name and value: a colon, a space, the end of the line
_PART = 8 << 10  # bytes parsed at once: what is pipelined is not taken apart long before it is served
_MANY = 512  # pieces of bodies in a part: each costs as much as a large one
_UPGRADING = ("upgrade", "http2-settings")
_ALLOW = f"Allow: {', '.join(METHODS)}\r\n"


class Refusal:
    """Stands where a request should: the error that the client is told, and the header lines that go with it."""

    __slots__ = ("bodyless", "error", "head")
    cost = 0

    def __init__(self, error: RelayError, head: str, bodyless: bool) -> None:
        self.error = error
        self.head = head
        self.bodyless = bodyless  # it is the answer to HEAD


class Reader(ABC):
    """Takes bytes apart. A parser is there in the middle of a request only: it is made in no time, and not small."""

    _log = Logger()

    def __init__(self, body_limit: int) -> None:
        self._body_limit = body_limit
        self._parser: Any = None
        self._reading = False  # in the middle of a request
        self._unread = b""  # not parsed yet
        self._found: list[Request | Refusal] = []  # by what was parsed last
        self._pieces = 0  # of bodies, in what was parsed last
        #: nothing more is read
        self._refused = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: dict[str, list[str]] = {}
        self._body: bytes | bytearray = b""
        self._size = 0  # of the head, then of the trailers
        self._padded = 0
        self._in_head = True

    # -- whoever reads --

    @abstractmethod
    def began(self) -> None:
        """The first byte of a request is here."""

    @abstractmethod
    def grew(self, size: int) -> None:
        """So many bytes of a request's body are here."""

    @abstractmethod
    def take(self, item: Request | Refusal) -> None:
        """A request is here, whole; or what comes is none, or must not be read whole."""

    @abstractmethod
    def proceed(self) -> None:
        """The client wants to be told before it sends the body (``Expect: 100-continue``)."""

    @abstractmethod
    def rest(self) -> None:
        """What comes is laborious: there should be no room for more in a while."""

    @abstractmethod
    def has_room(self) -> bool:
        """Whether more requests can be taken."""

    @abstractmethod
    def abortConnection(self) -> None:
        """Cut the connection."""

    # -- bytes --

    def read(self, data: bytes) -> None:
        """Take what has come, as far as there is room; the rest with `read_on`."""
        self._unread = self._unread + data if self._unread else data
        self.read_on()

    def read_on(self) -> None:
        """Parse what was left, as long as there is room."""
        while self._unread and not self._refused and self.has_room():
            part, self._unread = self._unread[:_PART], self._unread[_PART:]
            self._pieces = 0
            self._parse(part)
            if self._pieces > _MANY:
                self.rest()
            found, self._found = self._found, []
            for item in found:
                self.take(item)
        if self._refused:
            self._unread = b""

    def _parse(self, part: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        began_in_head = self._in_head
        try:
            self._parser.feed_data(part)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(part[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self._refuse(MethodRefused(), _ALLOW)
        except httptools.HttpParserCallbackError:
            self._break_off()
        except httptools.HttpParserError as error:
            self._refuse(self._named(str(error)))
        except Exception:
            self._break_off()
        if not self._reading:
            self._parser = None
        elif began_in_head and self._in_head:
            self._padded += len(part)
            if self._padded > PADDED_LIMIT:
                self._refuse(HeadTooLarge(limit=HEAD_LIMIT))

    def _named(self, said: str) -> RelayError:
        if said == "Invalid HTTP version":
            return UnknownVersion()
        if "transfer-encoding" in self._headers and "`Transfer-Encoding`" in said:
            return UnknownCoding()
        return Malformed(said)

    def _break_off(self) -> None:
        """An error of our own: nobody can tell where the next request begins."""
        self._log.failure("a request could not be read")
        self._refused = True
        self.abortConnection()

    def _go_on(self, rest: bytes) -> None:
        """Another protocol was offered, which nobody has to take up. The parser has stopped behind the head: what is
        read next is the same request again, less the offer."""
        parser, self._parser = self._parser, None
        if self._refused:
            return
        method, version = parser.get_method(), parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(MethodRefused(), _ALLOW)
            return
        lines = [f"{method.decode()} {self._target.decode('latin-1')} HTTP/{version}"]
        for name, values in self._headers.items():
            if name not in _UPGRADING:
                lines += [
                    f"{name}: {_not_upgrading(value) if name == 'connection' else value}" for value in values
                ]
        self._begin()
        self._reading = False
        self._unread = "\r\n".join([*lines, "", ""]).encode("latin-1") + rest + self._unread

    def _refuse(self, error: RelayError, head: str = "") -> None:
        if not self._refused:
            self._refused = True
            is_head = self._parser is not None and self._parser.get_method() == b"HEAD"
            self._found.append(Refusal(error, head, is_head))

    def _grow(self, more: int, limit: int) -> None:
        self._size += more
        if self._size > limit:
            self._refuse(HeadTooLarge(limit=limit))

    # -- what llhttp calls --

    def on_message_begin(self) -> None:
        self._reading = True
        self.began()

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._grow(len(url), HEAD_LIMIT)

    def on_header(self, name: bytes, value: bytes) -> None:
        cost = len(name) + len(value) + _LINE_COST
        if self._in_head:
            key = name.decode("latin-1").lower()
            self._headers.setdefault(key, []).append(value.strip(b" \t").decode("latin-1"))
            self._grow(cost, HEAD_LIMIT)
        else:  # a trailer, which is no header (RFC 9110, 6.5.1)
            self._grow(cost, TRAILER_LIMIT)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._size = 0
        if self._refused or self._parser.should_upgrade():
            return
        if self._parser.get_http_version() not in ("1.0", "1.1"):
            self._refuse(UnknownVersion())
            return
        codings = self._headers.get("transfer-encoding")
        if codings is not None and self._parser.get_http_version() == "1.0":
            self._refuse(Malformed("HTTP/1.0 has no Transfer-Encoding"))
            return
        if codings is not None and [coding.lower() for coding in codings] != ["chunked"]:
            self._refuse(UnknownCoding())
            return
        if self._fits(int(self._headers.get("content-length", ["0"])[0])) and self._expects():
            self.proceed()

    def _expects(self) -> bool:
        expected = self._headers.get("expect", [""])[0].lower()
        return expected == "100-continue" and self._parser.get_http_version() == "1.1"

    def _fits(self, size: int) -> bool:
        if size > self._body_limit:
            self._refuse(TooLarge(limit=self._body_limit))
        return not self._refused

    def on_body(self, data: bytes) -> None:
        if not self._fits(len(self._body) + len(data)):
            return
        self._pieces += 1
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):  # one piece after the other costs as much as all in one
                self._body = bytearray(self._body)
            self._body += data
        self.grew(len(self._body))

    def on_message_complete(self) -> None:
        parser = self._parser
        if self._refused or parser.should_upgrade():
            return
        version = parser.get_http_version()
        keep_alive = parser.should_keep_alive() and version == "1.1"
        method, body = parser.get_method().decode(), bytes(self._body)
        self._found.append(Request(method, self._target, version, self._headers, body, keep_alive))
        self._begin()
        self._reading = False


def _not_upgrading(connection: str) -> str:
    """A Connection header without what offers another protocol."""
    options = [option.strip() for option in connection.split(",")]
    return ", ".join(option for option in options if option.lower() not in _UPGRADING)
