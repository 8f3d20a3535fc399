"""The answer that a handler gets: treq's, whose text is read with care."""

from __future__ import annotations

import json
from typing import Any

from treq.content import content
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

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
