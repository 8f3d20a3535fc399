"""What a client sent: one whole request, its header values as text.

Latin-1 throughout, in which every byte is a character, so that no client can send an unreadable one.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import httptools

from relay.errors import Malformed


class Request:
    """One request. `target` is as it was sent, header names are lower case; `transport` is what it came over."""

    __slots__ = ("body", "headers", "keep_alive", "method", "target", "transport", "version")

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

    def path(self) -> str:
        """The path alone, decoded; raises `Malformed`."""
        path = self.target.partition(b"?")[0]
        try:
            if path[:1] not in (b"/", b"*"):
                path = httptools.parse_url(self.target).path or b"/"
            return (unquote_to_bytes(path) if b"%" in path else path).decode()
        except UnicodeDecodeError as error:
            raise Malformed("the path is not UTF-8") from error
        except httptools.HttpParserInvalidURLError as error:
            raise Malformed("the request's target is no path and no URL") from error
