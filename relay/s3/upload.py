"""An upload in parts. S3 keeps its parts, and charges for them, until it is completed or aborted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.etree import ElementTree

from twisted.logger import Logger

from relay.outbound import Http
from relay.s3.bucket import Bucket
from relay.s3.replies import S3Error, S3Reply

PART = 8 << 20  # bytes, unless there would be too many
MOST_PARTS = 10_000  # S3's limit
_MEBIBYTE = 1 << 20
_log = Logger()


def part_size(length: int | None) -> int:
    """Bytes of each part of an object of this length; None: it is not known (up to 78 GiB fit)."""
    needed = -(-(length or 0) // MOST_PARTS)
    return max(PART, -(-needed // _MEBIBYTE) * _MEBIBYTE)


class Upload:
    """One upload. Once started, it is completed or aborted, whenever its job ends."""

    def __init__(self, bucket: Bucket, http: Http, key: str) -> None:
        self._bucket = bucket
        self._http = http
        self._key = key
        self._id = ""
        self._etags: list[str] = []
        self._unwanted = False

    async def begin(self, content_type: str) -> None:
        """Ask S3 for an upload."""

        async def work(http: Http) -> None:
            url = self._bucket.url(self._key, uploads="")
            reply = await self._bucket.call(http, "POST", url, content_type=content_type)
            self._id = reply.fields.get("UploadId", "")
            if not self._id:
                raise S3Error(502, b"")  # that is no S3
            if self._unwanted:  # meanwhile
                await abort(self._bucket, http, self._key, self._id)

        await self._http.finish(work)

    async def add(self, part: bytes) -> None:
        url = self._bucket.url(self._key, partNumber=len(self._etags) + 1, uploadId=self._id)
        reply = await self._bucket.call(self._http, "PUT", url, part)
        self._etags.append(reply.header("ETag"))

    async def complete(self) -> S3Reply:
        """Have S3 put the parts together."""
        root = ElementTree.Element("CompleteMultipartUpload")
        for number, etag in enumerate(self._etags, 1):
            part = ElementTree.SubElement(root, "Part")
            ElementTree.SubElement(part, "PartNumber").text = str(number)
            ElementTree.SubElement(part, "ETag").text = etag
        url = self._bucket.url(self._key, uploadId=self._id)
        return await self._bucket.call(self._http, "POST", url, ElementTree.tostring(root), "application/xml")

    def abort(self) -> None:
        """Leave nothing behind. Not waited for: it goes on after the end of the job."""
        self._unwanted = True
        if self._id:
            aborting = self._http.finish(lambda http: abort(self._bucket, http, self._key, self._id))
            aborting.addErrback(
                lambda failure: _log.failure(
                    "an upload of {key} could not be aborted", failure, key=self._key
                )
            )


async def abort(bucket: Bucket, http: Http, key: str, upload: str) -> None:
    """Abort an upload; one that is gone is fine."""
    try:
        await bucket.call(http, "DELETE", bucket.url(key, uploadId=upload))
    except S3Error as error:
        if error.code != "NoSuchUpload":
            raise


async def uploads(bucket: Bucket, http: Http, key: str) -> AsyncIterator[str]:
    """The ids of all uploads of this very key that were begun and not ended."""
    marker: dict[str, str] = {}
    while True:
        reply = await bucket.call(http, "GET", bucket.url(uploads="", prefix=key, **marker))
        root = ElementTree.fromstring(reply.body)
        for found in root.iterfind("{*}Upload"):
            if found.findtext("{*}Key") == key:
                yield found.findtext("{*}UploadId") or ""
        if root.findtext("{*}IsTruncated") != "true":
            return
        marker = {
            "key-marker": root.findtext("{*}NextKeyMarker") or "",
            "upload-id-marker": root.findtext("{*}NextUploadIdMarker") or "",
        }
