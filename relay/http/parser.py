"""From bytes to requests: llhttp (httptools) parses; heads, trailers and bodies have their limits.

What llhttp calls only notes what it found. Requests are served once it has returned: an error on the way back
through it would arrive wrapped, or not at all.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import httptools
from twisted.logger import Logger

from relay.http.backlog import Backlog
from relay.http.framing import misframed, named
from relay.http.request import METHODS, Refusal, Request
from relay.http.upgrade import without_offer
from relay.model.memo import Memo
from relay.model.problems.base import RelayError
from relay.model.problems.request import HeadTooLarge, MethodRefused, TooLarge

HEAD_LIMIT = 16 << 10  # bytes of a request's target, and of the names and values of its headers
PADDED_LIMIT = 64 << 10  # bytes of a head with all that stands between those
TRAILER_LIMIT = 8 << 10  # bytes of the names and values of trailers, which are not kept
_LINE_COST = 4  # bytes of a header beside its name and value: a colon, a space, the end of the line
_PART = 8 << 10  # bytes parsed at once: what is pipelined is not taken apart long before it is served
_NO_HEADERS: dict[str, list[str]] = {}  # before there is a head
_MANY = 512  # pieces of bodies in a part: each costs as much as a large one
_LONGEST_REMEMBERED = 64  # bytes of a header's name
_names: Memo[bytes, str] = Memo(1000)  #: of headers, in lower case, by how they are sent


class Sink(Protocol):
    """The connection that is read from."""

    transport: Any

    def began(self) -> None:
        """The first byte of a request is here."""

    def grew(self, size: int) -> None:
        """So many bytes of a request's body are here."""

    def proceed(self) -> None:
        """The client wants to be told before it sends the body (``Expect: 100-continue``)."""

    def abortConnection(self) -> None:
        """Cut the connection."""


class RequestParser(ABC):
    """Takes bytes apart. llhttp is there in the middle of a request only: it is made in no time, and not small."""

    _log = Logger()
    __slots__ = (
        *("_body", "_body_limit", "_headers", "_padded", "_parser", "_pieces", "_sink", "_size", "_target"),
        *("_version", "backlog", "reading", "stopped", "unread"),
    )

    def __init__(self, sink: Sink, body_limit: int) -> None:
        self._sink: Any = sink  # None once the connection is let go of
        self._body_limit = body_limit
        self._parser: Any = None
        #: in the middle of a request
        self.reading = False
        #: not parsed yet
        self.unread = b""
        #: what was found: requests that are here, whole, and at their end maybe what can't be one, or must not be read
        self.backlog = Backlog()
        self._pieces = 0  # of bodies, in what was parsed last
        #: nothing more is read
        self.stopped = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers = _NO_HEADERS
        self._body: bytes | bytearray = b""
        self._size = 0  # of the head, then of the trailers
        self._padded = 0
        self._version = ""  # until the head is here

    # -- whoever keeps what is found --

    @abstractmethod
    def rest(self) -> None:
        """What comes is laborious: there should be no room for more in a while."""

    @abstractmethod
    def has_room(self) -> bool:
        """Whether more requests can be taken."""

    def stop(self) -> None:
        """Read nothing more, and let go of all that was read and not served."""
        self.stopped = True
        self._parser = None
        self.backlog.clear()

    # -- bytes --

    def read(self, data: bytes = b"") -> None:
        """Parse what was left and what has come, as long as there is room."""
        self.unread += data
        while self.unread and not self.stopped and self.has_room():
            part, self.unread = self.unread[:_PART], self.unread[_PART:]
            self._pieces = 0
            self._parse(part)
            if self._pieces > _MANY:
                self.rest()
        if self.stopped:
            self.unread = b""

    def _parse(self, part: bytes) -> None:
        if self._parser is None:
            self._parser = httptools.HttpRequestParser(self)
        began_in_head = not self._version
        try:
            self._parser.feed_data(part)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on(part[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self._refuse(MethodRefused(METHODS))
        except httptools.HttpParserCallbackError:
            self._break_off()
        except httptools.HttpParserError as error:
            self._refuse(named(str(error), self._headers))
        except Exception:
            self._break_off()
        if not self.reading:
            self._parser = None
        elif began_in_head and not self._version:
            self._padded += len(part)
            if self._padded > PADDED_LIMIT:
                self._refuse(HeadTooLarge(limit=HEAD_LIMIT))
        elif self._pieces and not self.stopped:
            self._sink.grew(len(self._body))

    def _break_off(self) -> None:
        """An error of our own: nobody can tell where the next request begins."""
        self._log.failure("a request could not be read")
        self.stopped = True
        self._sink.abortConnection()

    def _go_on(self, rest: bytes) -> None:
        """Another protocol was offered, which nobody has to take up. The parser has stopped behind the head: what is
        read next is the same request again, less the offer."""
        parser, self._parser = self._parser, None
        if self.stopped:
            return
        method, version = parser.get_method(), parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(MethodRefused(METHODS))
            return
        head = without_offer(method, self._target, version, self._headers)
        self._begin()
        self.reading = False
        self.unread = head + rest + self.unread

    def _refuse(self, error: RelayError) -> None:
        if not self.stopped:
            self.stopped = True
            method = self._parser.get_method().decode() if self._parser is not None else ""
            self.backlog.append(Refusal(error, method, self._target, self._headers))

    # -- what llhttp calls --

    def on_message_begin(self) -> None:
        self.reading, self._headers = True, {}
        self._sink.began()

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._target += url
        self._size += len(url)
        if self._size > HEAD_LIMIT:
            self._refuse(HeadTooLarge(limit=HEAD_LIMIT))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""
        limit = TRAILER_LIMIT
        if not self._version:  # a trailer is no header (RFC 9110, 6.5.1)
            limit = HEAD_LIMIT
            key = _names.get(name) or _lower(name)
            text, headers = value.strip(b" \t").decode("latin-1"), self._headers
            if key in headers:
                headers[key].append(text)
            else:
                headers[key] = [text]
        self._size += len(name) + len(value) + _LINE_COST
        if self._size > limit:
            self._refuse(HeadTooLarge(limit=limit))

    def on_headers_complete(self) -> None:
        """The head is here: whether its request is read."""
        headers, version = self._headers, self._parser.get_http_version()
        self._version, self._size = version, 0
        if self.stopped or self._parser.should_upgrade():
            return
        is_usual = version == "1.1" and "transfer-encoding" not in headers
        error = None if is_usual else misframed(version, headers)
        if error is not None:
            self._refuse(error)
        elif "content-length" in headers and int(headers["content-length"][0]) > self._body_limit:
            self._refuse(TooLarge(limit=self._body_limit))
        elif "expect" in headers and headers["expect"][0].lower() == "100-continue" and version == "1.1":
            self._sink.proceed()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if len(self._body) + len(data) > self._body_limit:
            self._refuse(TooLarge(limit=self._body_limit))
        if self.stopped:
            return
        self._pieces += 1
        if not self._body:
            self._body = data
        else:
            if isinstance(self._body, bytes):  # one piece after the other costs as much as all in one
                self._body = bytearray(self._body)
            self._body += data

    def on_message_complete(self) -> None:
        """A request is whole."""
        parser = self._parser
        if self.stopped or parser.should_upgrade():
            return
        keep_alive = parser.should_keep_alive() and self._version == "1.1"
        method, body = parser.get_method().decode(), bytes(self._body)
        self.backlog.append(Request(method, self._target, self._version, self._headers, body, keep_alive))
        self._begin()
        self.reading = False


def _lower(name: bytes) -> str:
    """The name of a header in lower case, one object for all requests where many send it."""
    lower = name.decode("latin-1").lower()
    if len(name) <= _LONGEST_REMEMBERED:
        _names[name] = lower
    return lower
