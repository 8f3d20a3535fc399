"""Jobs that fetch pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from relay import Context, job
from relay.outbound import media_type

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
    kind, charset = media_type(response.headers)
    text = await response.text(charset or "utf-8", "replace")
    size = len(await response.content())
    return Page(response.code, response.request.absoluteURI.decode(), kind, size, text)
