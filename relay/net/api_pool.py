"""The connections to APIs that are kept for further requests.

Twisted's pool keeps what its client gives it, and takes what has been idle for longest. Here a connection is kept for
as long as its server said, the last used is taken first, and one that its peer has closed is not taken.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory

from relay.net.api_connection import ApiConnection


class Pool(HTTPConnectionPool):
    """Of connections with bounds."""

    class _factory(_HTTP11ClientFactory):  # noqa: N801
        def buildProtocol(self, addr: Any) -> ApiConnection:
            return ApiConnection(self._quiescentCallback)

    def getConnection(self, key: Hashable, endpoint: Any) -> Deferred[Any]:
        """Fires with one that can take a request, a new one where none is kept."""
        kept = self._connections.get(key, [])
        while kept and not kept[-1].is_usable:
            self._timeouts[kept[-1]].cancel()
            self._removeConnection(key, kept[-1])
        if kept:
            kept.insert(0, kept.pop())  # Twisted takes the first
        got = super().getConnection(key, endpoint)
        self._forget(key)
        return got

    def _putConnection(self, key: Hashable, connection: ApiConnection) -> None:
        super()._putConnection(key, connection)
        self._timeouts[connection].reset(min(self.cachedConnectionTimeout, connection.idle_seconds))

    def _removeConnection(self, key: Hashable, connection: ApiConnection) -> None:
        super()._removeConnection(key, connection)
        self._forget(key)

    def _forget(self, key: Hashable) -> None:
        """A server of which nothing is kept takes no memory: clients name as many as they like."""
        if not self._connections.get(key, True):
            del self._connections[key]


class Once:
    """The connections of a pool, for requests that are not sent again when a kept one turns out to be closed: Twisted
    sends all again whose method is safe to repeat."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.persistent = pool.persistent

    def getConnection(self, key: Hashable, endpoint: Any) -> Deferred[Any]:
        """As the pool's."""
        self._pool.retryAutomatically = False
        try:
            return self._pool.getConnection(key, endpoint)
        finally:
            self._pool.retryAutomatically = True
