"""Short questions to a server that is an operator's own: a body is posted, and its answer read as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.client import Agent, FileBodyProducer
from twisted.web.http_headers import Headers

from relay.net.api_pool import Pool
from relay.net.bodies import Uncompressed, explain, header, late, whole_body
from relay.net.client_tls import NamedServers

LARGEST = 32 << 20  # bytes of an answer
CONNECTING = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Posted:
    """An answer; `kind` is its media type without parameters."""

    status: int
    kind: str
    body: bytes


class Posts:
    """Posts each body over a connection of its own, so that nothing is sent twice."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._agent = Uncompressed(
            Agent(reactor, NamedServers(), connectTimeout=CONNECTING, pool=Pool(reactor, persistent=False))
        )

    def post(self, url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Deferred[Posted]:
        """Fails with `NotFetched` after so many seconds at the latest. Redirects are not followed."""
        posting = Deferred.fromCoroutine(self._post(url, body, headers))
        return posting.addTimeout(seconds, self._reactor, late).addErrback(explain)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Posted:
        lines = Headers({name: [value] for name, value in headers.items()})
        response = await self._agent.request(
            b"POST", url.encode("ascii"), lines, FileBodyProducer(BytesIO(body))
        )
        kind = header(response, b"content-type").partition(";")[0].strip().lower()
        return Posted(response.code, kind, await whole_body(response, LARGEST))
