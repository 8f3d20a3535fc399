"""Jobs that fetch pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta
from werkzeug.http import parse_options_header

from relay import Context, job

URL = Annotated[str, Meta(pattern=r"^https?://[^\s/]", max_length=2048, description="an http or https URL")]
Bytes = Annotated[int, Meta(ge=1, le=700_000, description="a longer body fails the job")]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its HTTP status, where it was found after redirects, its media type, bytes, and text."""

    status: int
    url: str
    type: str
    size: int
    text: str


@job(timeout=30)
async def fetch(context: Context, url: URL, max_bytes: Bytes = 262_144) -> Page:
    """Fetch a page: its status, type, size and text."""
    response = await context.http.get(url, max_bytes=max_bytes)
    body = await response.content()
    kind, options = parse_options_header(response.headers.getRawHeaders("content-type", [""])[0])
    return Page(response.code, response.request.absoluteURI.decode(), kind, len(body), _text(body, options))


def _text(body: bytes, options: dict[str, str]) -> str:
    try:
        return body.decode(options.get("charset", "utf-8"), "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
