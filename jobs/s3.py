"""Jobs that write to S3, or to another server with its API.

Their settings are those of `relay.s3`, and ``s3_copy_largest``: how many bytes `s3_copy_url` copies at most, 5368709120
(5 GiB) unless given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta
from twisted.internet.defer import DeferredSemaphore
from twisted.web.iweb import UNKNOWN_LENGTH

from relay import Context, JobError, job
from relay.jobs.problems import SourceRefused
from relay.jobs.web import URL
from relay.model.problems.raised import NotConfigured
from relay.outbound import UpstreamError, pieces
from relay.s3 import LIMIT, PROBLEMS, S3, Stored, check_key
from relay.s3.upload import part_size

COPIES = 8  # of one worker at once: each has parts of some MiB in memory
_copies = DeferredSemaphore(COPIES)
LARGEST = 5 << 30  # bytes of a copy, unless s3_copy_largest is set
Key = Annotated[str, Meta(min_length=1, max_length=1024, description="the object's key")]
Name = Annotated[str, Meta(max_length=255, description="one of s3_buckets, the first unless given")]
Seconds = Annotated[int, Meta(ge=1, le=604_800)]


@dataclass(frozen=True, slots=True)
class Presigned:
    """A URL with which anybody can make one kind of request, for some seconds."""

    url: str
    method: str
    expires: int


@job(timeout=60, retries=3, limit=LIMIT, problems=PROBLEMS)
async def s3_put(
    context: Context,
    key: Key,
    text: str | None = None,
    data: bytes | None = None,
    content_type: str = "",
    bucket: Name = "",
) -> Stored:
    """Write an object: `text`, or `data` in Base64."""
    check_key(key)
    if (text is None) == (data is None):
        raise JobError("give either text or data", status=422, type="bad-arguments", title="Bad arguments")
    body = text.encode() if text is not None else data or b""
    kind = content_type or ("application/octet-stream" if text is None else "text/plain; charset=utf-8")
    return await S3(context, bucket).put(key, body, kind)


@job(timeout=3600, retries=3, limit=LIMIT, problems=(*PROBLEMS, SourceRefused))
async def s3_copy_url(
    context: Context, url: URL, key: Key, content_type: str = "", bucket: Name = ""
) -> Stored:
    """Copy the content of a URL into an object, in parts if it is large."""
    check_key(key)
    largest = _largest(context.settings)
    target = S3(context, bucket)
    await target.bucket()
    await _copies.acquire()
    try:
        return await _copy(context, url, key, content_type, target, largest)
    finally:
        _copies.release()


async def _copy(context: Context, url: str, key: str, content_type: str, target: S3, largest: int) -> Stored:
    if context.attempt > 1:  # the one before may have died in the middle of an upload
        await target.abort_uploads(key)
    source = await context.http.get(url, unbuffered=True, max_bytes=largest)
    if source.code != 200:
        raise SourceRefused(
            f"the source answered {source.code}",
            retryable=source.code >= 500 or source.code in (408, 425, 429),
            source_status=source.code,
        )
    length = None if source.length is UNKNOWN_LENGTH else int(source.length)
    if length is not None and length > largest:
        raise UpstreamError(
            "upstream-too-large", f"the source has {length} bytes, of which {largest} may be copied"
        )
    kind = content_type or (source.headers.getRawHeaders("content-type") or ["application/octet-stream"])[0]
    parts = pieces(source, part_size(length))
    try:
        return await target.upload(key, parts, kind, length)
    finally:
        await parts.aclose()


@job(problems=PROBLEMS)
async def s3_presign(
    context: Context,
    key: Key,
    method: Literal["GET", "PUT"] = "GET",
    expires: Seconds = 3600,
    bucket: Name = "",
) -> Presigned:
    """A URL with which an app reads or writes one object by itself."""
    return Presigned(await S3(context, bucket).presign(method, key, expires), method, expires)


def _largest(settings: Mapping[str, str]) -> int:
    text = settings.get("s3_copy_largest", str(LARGEST))
    if not re.fullmatch(r"[1-9]\d{0,14}", text):
        raise NotConfigured("s3_copy_largest is not a number of bytes")
    return int(text)
