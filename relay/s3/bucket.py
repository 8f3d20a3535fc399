"""A bucket of S3, or of another server with its API; its settings are in `relay.s3`."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Unpack
from urllib.parse import quote, urlencode

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.session import Session, get_session

from relay.model.problems.base import JobError
from relay.model.problems.raised import NotConfigured
from relay.net.threads import in_thread
from relay.outbound import CallOptions, Http, OptionsOfCall, Response, pieces
from relay.s3.replies import SLOW_DOWN, BucketRefused, S3Error, S3Reply

_LARGEST = 2 << 20  # bytes of an answer
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket, and the credentials for it."""

    name: str
    endpoint: str
    region: str
    credentials: Any  # botocore's

    @classmethod
    async def open(cls, settings: Mapping[str, str], name: str = "") -> Bucket:
        """A bucket that jobs may use, the first one unless it is named. Raises `JobError`."""
        allowed = [bucket.strip() for bucket in settings.get("s3_buckets", "").split(",") if bucket.strip()]
        if not allowed:
            raise NotConfigured("no bucket is set: --set s3_buckets=…")
        if name and name not in allowed:
            raise BucketRefused(f"the bucket {name} is not one of s3_buckets")
        endpoint = settings.get("s3_endpoint") or os.environ.get("AWS_ENDPOINT_URL_S3", "")
        return cls(name or allowed[0], endpoint.rstrip("/"), _region(settings), await _credentials(settings))

    def url(self, key: str = "", **query: str | int) -> str:
        """Where a key is; where the bucket is, without one. Raises `JobError` for what `check_key` refuses."""
        if key:
            check_key(key)
        amazon = f"s3.{self.region}.amazonaws.com"
        if self.endpoint:
            base = f"{self.endpoint}/{self.name}"
        elif "." in self.name:  # no certificate has such a name below Amazon's
            base = f"https://{amazon}/{self.name}"
        else:
            base = f"https://{self.name}.{amazon}"
        path = quote(key, safe="/~")
        return f"{base}/{path}" + (f"?{urlencode(query, quote_via=quote)}" if query else "")

    def presigned(self, method: str, key: str, seconds: int) -> str:
        """A URL with which anybody can make this request, for so many seconds."""
        request = AWSRequest(method, self.url(key))
        S3SigV4QueryAuth(self.credentials, "s3", self.region, seconds).add_auth(request)
        return str(request.url)

    async def call(
        self,
        http: Http,
        method: str,
        url: str,
        body: bytes = b"",
        content_type: str = "",
        *,
        max_bytes: int | None = None,
    ) -> S3Reply:
        """Make one call, whose answer has 2 MiB at most unless `max_bytes` says otherwise. If S3 says to slow down, it
        waits in place. Raises `S3Error`, `UpstreamError`."""
        most = _LARGEST if max_bytes is None else max_bytes
        while True:
            response = await self._send(http, method, url, body, content_type, max_bytes=most)
            answer = await response.content()
            if response.code < 300 and not (method == "POST" and answer.lstrip().startswith(b"<Error")):
                return S3Reply(response.headers, answer)
            await _slow_down(http, url, response.code, answer)

    async def stream(self, http: Http, url: str) -> Response:
        """The answer to a GET whose body is still to be read, as with `relay.outbound.pieces`. Raises what `call`
        raises."""
        while True:
            response = await self._send(http, "GET", url, unbuffered=True, max_bytes=0)
            if response.code < 300:
                return response
            parts = pieces(response, _LARGEST)
            try:
                answer = await anext(parts, b"")
            finally:
                await parts.aclose()
            await _slow_down(http, url, response.code, answer)

    async def _send(
        self,
        http: Http,
        method: str,
        url: str,
        body: bytes = b"",
        content_type: str = "",
        **options: Unpack[OptionsOfCall],
    ) -> Response:
        headers = await in_thread(self._signed, method, url, body, content_type)
        known = CallOptions(headers=headers, allow_redirects=False, private=bool(self.endpoint), own=True)
        given: CallOptions = {"data": body, **known, **options}
        return await http.request(method, url, **given)

    def _signed(self, method: str, url: str, body: bytes, content_type: str) -> dict[str, str]:
        request = AWSRequest(method, url, data=body)
        if body:
            digest = hashlib.md5(body, usedforsecurity=False).digest()
            request.headers["Content-MD5"] = base64.b64encode(digest).decode()
        if content_type:
            request.headers["Content-Type"] = content_type
        S3SigV4Auth(self.credentials, "s3", self.region).add_auth(request)
        return dict(request.headers.items())


async def _slow_down(http: Http, url: str, status: int, answer: bytes) -> None:
    """Wait where S3 asks for that; raises `S3Error` for any other refusal."""
    error = S3Error(status, answer)
    if status != 503 and error.code not in SLOW_DOWN:
        raise error
    await http.limited(url, own=True)


def check_key(key: str) -> None:
    """Raises `JobError` for a key that other programs may understand differently: with ``.`` or ``..`` or nothing
    between its slashes, or with control characters. A slash at its end is allowed."""
    *folders, last = key.split("/")
    if not key or last in (".", "..") or any(name in ("", ".", "..") for name in folders):
        why = "it begins with a slash, or has an empty, '.' or '..' part"
    elif _CONTROL.search(key):
        why = "it has control characters"
    else:
        return
    raise JobError(f"the key can't be used: {why}", status=422, type="bad-arguments", title="Bad arguments")


def _region(settings: Mapping[str, str]) -> str:
    named = (settings.get("s3_region"), os.environ.get("AWS_REGION"), os.environ.get("AWS_DEFAULT_REGION"))
    return next((region for region in named if region), "us-east-1")


async def _credentials(settings: Mapping[str, str]) -> Any:
    if settings.get("s3_access_key"):
        return Credentials(settings["s3_access_key"], settings.get("s3_secret_key", ""))
    found = await in_thread(_found)
    if found is None:
        raise NotConfigured("no credentials for S3: --set s3_access_key=…")
    return found


def _found() -> Any:
    """What botocore finds, renewed if need be; it may ask the network."""
    credentials = _session().get_credentials()
    return credentials and credentials.get_frozen_credentials()


@cache
def _session() -> Session:
    return get_session()
