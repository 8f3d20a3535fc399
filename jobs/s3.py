"""Jobs that write to S3, or to another server with its API; their settings are in `relay.jobs.bucket`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta
from twisted.internet.defer import DeferredSemaphore
from twisted.web.iweb import UNKNOWN_LENGTH

from relay import Context, JobError, Limit, job
from relay.jobs.bucket import Bucket, S3Error, S3Reply, check_key
from relay.jobs.problems import BucketRefused, NotConfigured, SourceRefused
from relay.jobs.upload import Upload, abort, part_size, uploads
from relay.jobs.web import URL
from relay.outbound import UpstreamError, pieces

COPIES = 8  # of one worker at once: each has parts of some MiB in memory
_copies = DeferredSemaphore(COPIES)
LARGEST = 5 << 30  # bytes of a copy, unless s3_copy_largest is set
Key = Annotated[str, Meta(min_length=1, max_length=1024, description="the object's key")]
Name = Annotated[str, Meta(max_length=255, description="one of s3_buckets, the first unless given")]
LIMIT = Limit(name="s3")  # none but what S3 says: jobs wait for it in Redis
PROBLEMS = (NotConfigured, BucketRefused, S3Error)
Seconds = Annotated[int, Meta(ge=1, le=604_800)]


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that was written; its size is in bytes."""

    bucket: str
    key: str
    size: int
    etag: str
    version: str


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
    target = await Bucket.open(context.settings, bucket)
    return _stored(
        target, key, len(body), await target.call(context.http, "PUT", target.url(key), body, kind)
    )


@job(timeout=3600, retries=3, limit=LIMIT, problems=(*PROBLEMS, SourceRefused))
async def s3_copy_url(
    context: Context, url: URL, key: Key, content_type: str = "", bucket: Name = ""
) -> Stored:
    """Copy the content of a URL into an object, in parts if it is large."""
    check_key(key)
    largest = _largest(context.settings)
    target = await Bucket.open(context.settings, bucket)
    await _copies.acquire()
    try:
        return await _copy(context, url, key, content_type, target, largest)
    finally:
        _copies.release()


async def _copy(
    context: Context, url: str, key: str, content_type: str, target: Bucket, largest: int
) -> Stored:
    if context.attempt > 1:  # the one before may have died in the middle of an upload
        async for upload in uploads(target, context.http, key):
            await abort(target, context.http, key, upload)
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
    size = part_size(length)
    parts = pieces(source, size)
    try:
        first = await anext(parts, b"")
        if len(first) < size:  # and so the last
            return _stored(
                target, key, len(first), await target.call(context.http, "PUT", target.url(key), first, kind)
            )
        return await _in_parts(context, target, key, kind, _chain(first, parts), length)
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
    check_key(key)
    target = await Bucket.open(context.settings, bucket)
    return Presigned(target.presigned(method, key, expires), method, expires)


def _largest(settings: Mapping[str, str]) -> int:
    text = settings.get("s3_copy_largest", str(LARGEST))
    if not re.fullmatch(r"[1-9]\d{0,14}", text):
        raise NotConfigured("s3_copy_largest is not a number of bytes")
    return int(text)


async def _in_parts(
    context: Context, target: Bucket, key: str, kind: str, parts: AsyncIterator[bytes], length: int | None
) -> Stored:
    upload, size = Upload(target, context.http, key), 0
    try:
        await upload.begin(kind)
        async for part in parts:
            await upload.add(part)
            size += len(part)
            if length:
                context.progress(min(1.0, size / length), f"{size} of {length} bytes")
        return _stored(target, key, size, await upload.complete())
    except BaseException:
        upload.abort()
        raise


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part


def _stored(target: Bucket, key: str, size: int, reply: S3Reply) -> Stored:
    etag = reply.header("ETag") or reply.fields.get("ETag", "")
    return Stored(target.name, key, size, etag.strip('"'), reply.header("x-amz-version-id"))
