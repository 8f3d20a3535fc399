"""What S3 answers, and what it refuses with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

from twisted.web.http_headers import Headers

from relay.model.problems.base import JobError

SLOW_DOWN = {"SlowDown", "ServiceUnavailable", "Throttling", "RequestLimitExceeded", "TooManyRequests"}
_PASSES = {"InternalError", "OperationAborted", "RequestTimeout", "NoSuchUpload"}
_MISSING = {"NoSuchKey", "404"}


class S3Error(JobError):
    """S3 refused a request; `code` is S3's error code (S3 API Reference, Error Responses)."""

    status, slug, title = 502, "s3-error", "S3 refused"

    def __init__(self, status: int, body: bytes) -> None:
        error = fields_of(body)
        self.code = error.get("Code", str(status))
        super().__init__(
            error.get("Message", f"S3 answered {status}"),
            code=self.code,
            retryable=status >= 500 or self.code in _PASSES,
        )

    @property
    def is_missing(self) -> bool:
        """Whether the object is not there."""
        return self.code in _MISSING


class BucketRefused(JobError):
    """The bucket is not one of those that the operator lets this relay use. Name another one, or none."""

    status, slug, title = 403, "bucket-refused", "Bucket refused"


@dataclass(frozen=True, slots=True)
class S3Reply:
    """What S3 answered; `fields` are the texts of its XML by their names, a leaf each."""

    headers: Headers
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        return fields_of(self.body)

    def header(self, name: str) -> str:
        return (self.headers.getRawHeaders(name) or [""])[0]


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that was written; its size is in bytes."""

    bucket: str
    key: str
    size: int
    etag: str
    version: str


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object that is there; its size is in bytes. A list does not tell its type."""

    key: str
    size: int
    etag: str
    modified: datetime
    type: str = ""


def object_of(key: str, reply: S3Reply) -> S3Object:
    """The object that a HEAD tells of."""
    return S3Object(
        key,
        int(reply.header("Content-Length") or 0),
        reply.header("ETag").strip('"'),
        parsedate_to_datetime(reply.header("Last-Modified")),
        reply.header("Content-Type"),
    )


def listed(body: bytes) -> tuple[list[S3Object], str]:
    """The objects of one page of a list, and what continues it, "" after the last."""
    root = ElementTree.fromstring(body)
    return list(_contents(root)), root.findtext("{*}NextContinuationToken") or ""


def _contents(root: ElementTree.Element) -> Iterator[S3Object]:
    for found in root.iterfind("{*}Contents"):
        text = {part.tag.rpartition("}")[2]: part.text or "" for part in found}
        modified = datetime.fromisoformat(text["LastModified"])
        yield S3Object(text["Key"], int(text["Size"]), text.get("ETag", "").strip('"'), modified)


def fields_of(body: bytes) -> dict[str, str]:
    """The texts of XML by their names; none of what is no XML."""
    try:
        root = ElementTree.fromstring(body) if body.lstrip().startswith(b"<") else None
    except ElementTree.ParseError:
        root = None
    return {} if root is None else {e.tag.rpartition("}")[2]: e.text or "" for e in root.iter() if not len(e)}
