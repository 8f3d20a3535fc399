"""What a client sent: one whole request, its header values as text.

Latin-1 throughout, in which every byte is a character, so that no client can send an unreadable one.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools

from relay.model.problems.base import RelayError
from relay.model.problems.request import Malformed
from relay.telemetry.trail import Trail

METHODS = ("DELETE", "GET", "HEAD", "POST", "PUT")
_OVERHEAD = 1 << 10  # bytes of a request without target and body


class Request:
    """One request. `target` is as it was sent, header names are lower case; `transport` is what it came over, `address`
    that of the other end. `answer_head` has header lines that its answer gets, whoever answers, each with its line
    break. `trail` is what is remembered of it, if anybody hears of its end; `caller`, under what its allowance is
    counted, is added by whoever finds that out."""

    __slots__ = (
        *(
            "address",
            "answer_head",
            "body",
            "caller",
            "headers",
            "keep_alive",
            "method",
            "target",
            "trail",
            "transport",
            "version",
        ),
    )

    def __init__(
        self,
        method: str,
        target: bytes,
        version: str,
        headers: dict[str, list[str]],
        body: bytes = b"",
        keep_alive: bool = True,
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive
        self.transport: Any = None
        self.address = self.answer_head = self.caller = ""
        self.trail: Trail | None = None

    @property
    def cost(self) -> int:
        """About how many bytes it takes up."""
        return _OVERHEAD + len(self.target) + len(self.body)

    @property
    def chunked(self) -> bool:
        """Whether its answer may come in chunks."""
        return self.version == "1.1"

    def values(self, name: str) -> list[str]:
        """All values of a header, in their order."""
        return self.headers.get(name, [])

    def header(self, name: str) -> str:
        """A header's value, "" where it is missing; raises `Malformed` where it was sent twice."""
        values = self.headers.get(name)
        if values is None:
            return ""
        if len(values) > 1:
            raise Malformed(f"{name} was sent {len(values)} times")
        return values[0]

    def authority(self) -> str:
        """The ``host:port`` of a target that is a whole URL, which then counts (RFC 9112, 3.2.2); "" for others. Raises
        `Malformed`."""
        if self.target[:1] in (b"/", b"*"):
            return ""
        scheme, _, rest = self.target.partition(b"://")
        if scheme.lower() not in (b"http", b"https"):
            raise Malformed("the request target is neither a path nor an http or https URL")
        return re.split(rb"[/?#]", rest, maxsplit=1)[0].rpartition(b"@")[2].decode("latin-1")

    def path(self) -> str:
        """The path alone, decoded; raises `Malformed`, also for an encoded slash: what is one segment for a proxy must
        not be two here."""
        path = self.target.partition(b"?")[0]
        try:
            if path[:1] not in (b"/", b"*"):
                path = httptools.parse_url(self.target).path or b"/"
            if b"%2f" in path.lower():
                raise Malformed("the path has an encoded slash (%2F)")
            return (unquote_to_bytes(path) if b"%" in path else path).decode()
        except UnicodeDecodeError as error:
            raise Malformed("the path is not UTF-8") from error
        except httptools.HttpParserInvalidURLError as error:
            raise Malformed("the request target is neither a path nor a URL") from error


class Refusal:
    """Stands where a request should: the error that the client is told, and what had come of the rest."""

    __slots__ = ("error", "headers", "method", "target")
    cost = 0

    def __init__(self, error: RelayError, method: str, target: bytes, headers: dict[str, list[str]]) -> None:
        self.error = error
        self.method = method  # "" where it was none
        self.target = target
        self.headers = headers
