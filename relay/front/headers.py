"""Header values as text: Latin-1, in which every byte is a character, so that no client can send an unreadable one."""

from __future__ import annotations

from twisted.web.server import Request

from relay.errors import Malformed


def header_values(request: Request, name: str) -> list[str]:
    """All values of a header, in their order."""
    values = request.requestHeaders.getRawHeaders(name.encode("ascii"))
    return [value.decode("latin-1") for value in values] if values else []


def header(request: Request, name: str) -> str:
    """A header's value, "" where it is missing; raises `Malformed` where it was sent twice."""
    values = header_values(request, name)
    if len(values) > 1:
        raise Malformed(f"{name} was sent {len(values)} times")
    return values[0] if values else ""
