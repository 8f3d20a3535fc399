"""A channel to one server that speaks HTTP/2: one connection, made when it is first used and again when it is gone."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.client import URI

from relay.model.problems.upstream import UpstreamError
from relay.outbound import Endpoints
from relay.outbound.problems import explain
from relay.push.http2 import Http2Answer, Http2Connection, Http2Factory
from relay.timing.made_once import MadeOnce

IDLE = 600.0  # seconds after which a connection is not used again: something on the way may have forgotten it
TRIES = 3  # of a request of which the server has done nothing
SECONDS = 15.0  # for one request, from its connection to the last byte of its answer

Result = TypeVar("Result")


class Channel:
    """Posts to the server at `url` (``https://…``); it may have a private address if the channel `is_private`."""

    def __init__(self, reactor: Any, url: str, is_private: bool) -> None:
        self._reactor = reactor
        self._authority = urlsplit(url).netloc
        self.origin = f"https://{self._authority}"
        self._uri = URI.fromBytes(f"{self.origin}/".encode("ascii"))
        self._endpoints = Endpoints(reactor, is_private)
        self._connection: Http2Connection | None = None
        self._connecting = MadeOnce(self._connect, 0, reactor.seconds)
        self._used = 0.0
        self._is_closed = False

    async def post(self, path: str, headers: list[tuple[str, str]], body: bytes) -> Http2Answer:
        """Post a body, within `SECONDS`. Raises `UpstreamError`."""
        until = self._reactor.seconds() + SECONDS
        tries = 0
        while True:
            tries += 1
            connection = await self._usable(until)
            try:
                return await self._answer(connection, connection.post(path, headers, body), until)
            except UpstreamError as error:
                if tries == TRIES or not error.retryable or "unsent" not in error.members:
                    raise

    def close(self) -> None:
        """Close the connection; whatever is under way fails."""
        self._is_closed = True
        if self._connection is not None:
            self._connection.close()

    async def _usable(self, until: float) -> Http2Connection:
        connection = self._connection
        was_idle = self._reactor.seconds() - self._used > IDLE
        if connection is not None and was_idle and connection.is_idle:
            connection.close()
        if connection is None or not connection.is_usable:
            connection = await self._within(self._connecting.get(), until, "connect")
        self._used = self._reactor.seconds()
        return connection

    async def _connect(self) -> Http2Connection:
        try:
            made: Any = await self._endpoints.endpointForURI(self._uri).connect(Http2Factory(self._authority))
        except Exception as error:
            raise explain(Failure(error)) from None
        connection: Http2Connection = getattr(made, "wrappedProtocol", made)
        self._connection = connection
        if self._is_closed:
            connection.close()
        return connection

    async def _answer(
        self, connection: Http2Connection, answered: Deferred[Http2Answer], until: float
    ) -> Http2Answer:
        """The answer. A connection on which nothing was heard meanwhile is taken for dead."""
        heard = connection.heard
        try:
            return await self._within(answered, until, "headers")
        except UpstreamError as error:
            if error.type == "upstream-timeout" and connection.heard == heard:
                connection.close("nothing is heard from the server")
            raise

    async def _within(self, deferred: Deferred[Result], until: float, phase: str) -> Result:
        def late(_: object, __: float) -> Failure:
            return Failure(UpstreamError("upstream-timeout", f"no answer in {SECONDS:g} s", phase=phase))

        left = max(0.0, until - self._reactor.seconds())
        result: Result = await deferred.addTimeout(left, self._reactor, late)
        return result
