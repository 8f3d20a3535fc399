"""Small documents that are fetched over https: whole, bounded in size and time, or not at all.

The address is the operator's own, so it may lead to a private one, and its certificate has to be one that this machine
trusts (``SSL_CERT_FILE`` names further ones).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from treq.client import HTTPClient
from twisted.internet.defer import Deferred
from twisted.web.client import Agent

from relay.net.api_pool import Pool
from relay.net.bodies import NotFetched, Uncompressed, drop, explain, header, late, whole_body
from relay.net.client_tls import NamedServers

LARGEST = 256 << 10  # bytes of a document
SECONDS = 5.0  # for all of it, from its name to its last byte
REDIRECTS = 3
_REDIRECTING = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Document:
    """`cache_control` is that header of its answer, "" where it has none."""

    body: bytes
    cache_control: str = ""


class Documents:
    """Fetches them, each over a connection of its own."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        pool = Pool(reactor, persistent=False)
        self._agent = Uncompressed(Agent(reactor, NamedServers(), connectTimeout=SECONDS, pool=pool))

    def fetch(self, url: str) -> Deferred[Document]:
        """Fails with `NotFetched` after `SECONDS` at the latest. Nothing stays open, also when it is cancelled."""
        fetching = Deferred.fromCoroutine(self._fetch(url))
        return fetching.addTimeout(SECONDS, self._reactor, late).addErrback(explain)

    async def _fetch(self, url: str) -> Document:
        for _ in range(REDIRECTS + 1):
            if not url.lower().startswith("https://"):
                raise NotFetched("it is redirected to an address without https")
            response = await self._get(url)
            if response.code not in _REDIRECTING:
                return await _read(response)
            drop(response)
            url = urljoin(url, header(response, b"location"))
        raise NotFetched(f"it is redirected more than {REDIRECTS} times")

    async def _get(self, url: str) -> Any:
        client = HTTPClient(self._agent)  # a new one, which brings no cookies along
        return await client.get(url, allow_redirects=False, unbuffered=True, reactor=self._reactor)


async def _read(response: Any) -> Document:
    if response.code != 200:
        drop(response)
        raise NotFetched(f"the status is {response.code}")
    return Document(await whole_body(response, LARGEST), header(response, b"cache-control"))
