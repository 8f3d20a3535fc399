"""S3 as a handler uses it: the objects of one bucket."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Literal

from relay.handlers.context import Context
from relay.model.limits import Limit
from relay.model.problems.base import JobError
from relay.outbound import pieces
from relay.s3.bucket import Bucket, check_key
from relay.s3.replies import BucketRefused, S3Error, S3Object, S3Reply, Stored, listed, object_of
from relay.s3.upload import Upload, abort, part_size, uploads

LIMIT = Limit(name="s3")  # none but what S3 says: jobs that declare it wait for it in Redis
PROBLEMS = (BucketRefused, S3Error)
MAX_BYTES = 16 << 20  # of an object that is read at once, unless the call says otherwise
PIECE = 1 << 20
PAGE = 1000  # objects that S3 lists at once, at most
WEEK = 604_800  # seconds: as long as S3 takes a URL
_SIGNED = ("GET", "PUT")
_BINARY = "application/octet-stream"


class S3:
    """Calls of one job to one of the operator's buckets, the first one unless it is named.

    Keys that other programs may understand differently (`check_key`) are refused before anything is called. When S3
    says to slow down, a call waits in place. All methods raise `S3Error`, `UpstreamError`, `BucketRefused`,
    `NotConfigured`.
    """

    def __init__(self, context: Context, bucket: str = "") -> None:
        self._context = context
        self._name = bucket
        self._bucket: Bucket | None = None

    async def bucket(self) -> Bucket:
        """The bucket with its credentials, which are looked for once."""
        if self._bucket is None:
            self._bucket = await Bucket.open(self._context.settings, self._name)
        return self._bucket

    async def get(self, key: str, max_bytes: int = MAX_BYTES) -> bytes:
        """An object as a whole, of so many bytes at most (0 for any number), else `upstream-too-large`."""
        return (await self._call("GET", key, most=max_bytes)).body

    async def read(self, key: str, size: int = PIECE) -> AsyncGenerator[bytes]:
        """An object in pieces of `size` bytes, read no faster than they are taken. Close it if you leave early
        (`contextlib.aclosing`)."""
        check_key(key)
        bucket = await self.bucket()
        response = await bucket.stream(self._context.http, bucket.url(key))
        parts = pieces(response, size)
        try:
            async for part in parts:
                yield part
        finally:
            await parts.aclose()

    async def head(self, key: str) -> S3Object | None:
        """What S3 knows of an object; None if it is not there."""
        try:
            return object_of(key, await self._call("HEAD", key))
        except S3Error as error:
            if error.is_missing:
                return None
            raise

    async def put(self, key: str, data: bytes, content_type: str = _BINARY) -> Stored:
        """Write an object."""
        reply = await self._call("PUT", key, data, content_type)
        return await self._stored(key, len(data), reply)

    async def upload(
        self, key: str, data: AsyncIterable[bytes], content_type: str = _BINARY, length: int | None = None
    ) -> Stored:
        """Write an object from pieces of any size, in parts if it is large; `length`, if it is known, has the parts
        grow with it and has `context.progress` told. An upload that fails or is cancelled leaves nothing behind; what a
        dead worker left is removed by the job's next attempt."""
        check_key(key)
        if self._context.attempt > 1:  # the one before may have died in the middle of an upload
            await self.abort_uploads(key)
        size = part_size(length)
        parts = parts_of(data, size)
        try:
            first = await anext(parts, b"")
            if len(first) < size:  # and so the last
                return await self.put(key, first, content_type)
            return await self._in_parts(await self.bucket(), key, content_type, first, parts, length)
        finally:
            await parts.aclose()

    async def abort_uploads(self, key: str) -> None:
        """Remove what uploads of this very key have left that were begun and not ended, whoever began them."""
        bucket, http = await self.bucket(), self._context.http
        async for begun in uploads(bucket, http, key):
            await abort(bucket, http, key, begun)

    async def list(self, prefix: str = "") -> AsyncGenerator[S3Object]:
        """All objects whose keys begin so, in the order of their keys."""
        bucket = await self.bucket()
        after: dict[str, str] = {}
        while True:
            url = bucket.url("", **{"list-type": "2", "max-keys": str(PAGE), "prefix": prefix, **after})
            objects, more = listed((await bucket.call(self._context.http, "GET", url)).body)
            for each in objects:
                yield each
            if not more:
                return
            after = {"continuation-token": more}

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is fine."""
        await self._call("DELETE", key)

    async def presign(self, method: Literal["GET", "PUT"], key: str, seconds: int = 3600) -> str:
        """A URL with which anybody can make this request, for so many seconds (from 1 to 604,800, a week)."""
        if method not in _SIGNED or not 1 <= seconds <= WEEK:
            raise JobError(
                f"no URL is made for {method} and {seconds} s: it is GET or PUT, for 1 to {WEEK} s",
                status=422,
                type="bad-arguments",
                title="Bad arguments",
            )
        return (await self.bucket()).presigned(method, key, seconds)

    async def _call(
        self, method: str, key: str, data: bytes = b"", content_type: str = "", most: int | None = None
    ) -> S3Reply:
        check_key(key)
        bucket = await self.bucket()
        return await bucket.call(
            self._context.http, method, bucket.url(key), data, content_type, max_bytes=most
        )

    async def _in_parts(
        self,
        bucket: Bucket,
        key: str,
        content_type: str,
        first: bytes,
        rest: AsyncIterable[bytes],
        length: int | None,
    ) -> Stored:
        upload, size = Upload(bucket, self._context.http, key), 0
        try:
            await upload.begin(content_type)
            async for part in _chain(first, rest):
                await upload.add(part)
                size += len(part)
                if length:
                    self._context.progress(min(1.0, size / length), f"{size} of {length} bytes")
            return await self._stored(key, size, await upload.complete())
        except BaseException:
            upload.abort()
            raise

    async def _stored(self, key: str, size: int, reply: S3Reply) -> Stored:
        etag = reply.header("ETag") or reply.fields.get("ETag", "")
        version = reply.header("x-amz-version-id")
        return Stored((await self.bucket()).name, key, size, etag.strip('"'), version)


async def parts_of(data: AsyncIterable[bytes], size: int) -> AsyncGenerator[bytes]:
    """The same bytes in parts of this size, the last one shorter. A piece that is a part is not copied."""
    buffer = bytearray()
    async for piece in data:
        if not buffer and len(piece) == size:
            yield piece
            continue
        buffer += piece
        while len(buffer) >= size:
            with memoryview(buffer) as view:  # a slice of the buffer would be copied twice
                part = bytes(view[:size])
            del buffer[:size]
            yield part
    if buffer:
        yield bytes(buffer)


async def _chain(first: bytes, rest: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    yield first
    async for part in rest:
        yield part
