"""The answer that a handler gets: treq's, whose text is read with care."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

from treq.content import content
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.web.http_headers import Headers
from twisted.web.iweb import IClientRequest, IResponse

from relay.model.problems.upstream import UpstreamError
from relay.net.treq_client import TreqResponse
from relay.outbound.charset import decode
from relay.outbound.headers import media_type

MAX_JSON = 512 << 10  # bytes of JSON, unless the call says `max_bytes`


class UpstreamResponse(TreqResponse):
    """treq's response, but `text` and `json` never block for long, whatever the body is."""

    def __init__(self, response: TreqResponse, clock: IReactorTime, most_json: int) -> None:
        super().__init__(response)
        self._clock = clock
        self._most_json = most_json

    def text(self, encoding: str = "ISO-8859-1", errors: str = "strict") -> Deferred[str]:
        """The body as text, in the charset that its type names, or `encoding` where it names none that is known."""
        return Deferred.fromCoroutine(self._text(encoding, errors))

    def json(self, **options: Any) -> Deferred[Any]:
        """The body as JSON (of `json.loads`), of at most `MAX_JSON` bytes, or the call's `max_bytes`; raises
        `UpstreamError` (`upstream-too-large`), `ValueError`."""
        return Deferred.fromCoroutine(self._json(options))

    async def _text(self, encoding: str, errors: str) -> str:
        body = await content(self.original)
        charset = media_type(self.headers)[1] or encoding
        return await decode(self._clock, body, charset, errors)

    async def _json(self, options: dict[str, Any]) -> Any:
        body = await content(self.original)
        if self._most_json and len(body) > self._most_json:
            raise UpstreamError("upstream-too-large", f"it is JSON of more than {self._most_json} bytes")
        charset = media_type(self.headers)[1] or "utf-8"
        return json.loads(await decode(self._clock, body, charset), **options)


if TYPE_CHECKING:

    class Response(IResponse):
        """The answer of an API, as ``context.http`` gives it, to type checkers, which see no types of treq's own. It is
        no interface, whose methods have no ``self``, but treq's functions take it as one."""

        code: int
        """The status."""
        headers: Headers
        """Of the answer: ``headers.getRawHeaders("etag")`` gives a list of texts, or None."""
        length: int | str
        """Of the body as it is sent, in bytes, or `UNKNOWN_LENGTH` of `twisted.web.iweb`."""
        phrase: bytes
        request: IClientRequest
        """What was asked for last, after redirects: ``request.absoluteURI``."""

        def content(self) -> Deferred[bytes]:  # type: ignore[misc]
            """The body."""

        def text(self, encoding: str = "ISO-8859-1", errors: str = "strict") -> Deferred[str]:  # type: ignore[misc]
            """See `UpstreamResponse.text`."""

        def json(self, **options: Any) -> Deferred[Any]:  # type: ignore[misc]
            """See `UpstreamResponse.json`."""

        def collect(self, collector: Callable[[bytes], object]) -> Deferred[None]:  # type: ignore[misc]
            """Have a function called with the body, as it comes."""

        def cookies(self) -> CookieJar:  # type: ignore[misc]
            """Those of the client, this answer's among them."""

        def history(self) -> Sequence[Response]:  # type: ignore[misc]
            """The redirects that led here."""

else:
    Response = UpstreamResponse
