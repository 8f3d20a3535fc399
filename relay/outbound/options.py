"""What can be said of a call to an API, for type checkers."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from http.cookiejar import CookieJar
from typing import Any, TypedDict

from hyperlink import DecodedURL, EncodedURL
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer

Url = str | bytes | EncodedURL | DecodedURL
_OfTexts = dict[str, str] | dict[str, list[str]] | dict[str, str | list[str]] | dict[str, Sequence[str]]
GivenHeaders = Headers | _OfTexts | dict[bytes, bytes] | dict[bytes, list[bytes]]
Scalar = str | int | float
Params = Mapping[str, Scalar | Sequence[Scalar]] | Sequence[tuple[str, Scalar]]
Fields = dict[str, str] | list[tuple[str, str]]
Body = bytes | io.BytesIO | io.BufferedReader | IBodyProducer
File = str | bytes | tuple[str, str, IBodyProducer]


class OptionsOfCall(TypedDict, total=False):
    """All but the headers."""

    params: Params | None
    """Of the query, added to the URL's own."""
    json: Any
    """The body, written as JSON."""
    data: Fields | Body | None
    """The body as it is, or fields of a form."""
    files: Mapping[str, File] | Iterable[tuple[str, File]] | None
    """Sent as ``multipart/form-data``."""
    cookies: CookieJar | Mapping[str, str] | None
    auth: tuple[str | bytes, str | bytes] | None
    """A user and a password."""
    timeout: float | None
    """Seconds until the head of the answer is there; a call never takes longer than its job may."""
    allow_redirects: bool
    browser_like_redirects: bool
    """Whether a redirected POST is followed by a GET."""
    unbuffered: bool
    """Whether the body can be read once only, as it comes."""
    max_bytes: int
    """Of the decoded body; 0 for any number."""
    stall: float
    """Seconds without anything sent or received."""
    idempotent: bool | None
    """Whether the call may be sent again when it is not known what came of the last; None: by its method."""
    private: bool
    """The URL is the operator's own, and may lead to a private address."""
    own: bool
    """The URL is of the API that the job's `Limit` is for."""


class CallOptions(OptionsOfCall, total=False):
    """All."""

    headers: GivenHeaders | None


def is_repeatable(options: Mapping[str, Any]) -> bool:
    """Whether the body can be sent a second time: not one that is read from a file."""
    data = options.get("data")
    return not options.get("files") and (data is None or isinstance(data, bytes | str | dict | list | tuple))
