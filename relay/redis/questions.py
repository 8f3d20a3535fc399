"""Questions to servers, on a connection that is kept for the next one to the same server."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import txredisapi
from twisted.internet.defer import Deferred, FirstError, ensureDeferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from relay.redis.refusal import LinkLost, read_refusal
from relay.redis.wire import Connects, ProtocolFactory, RedisConnection

Words = Sequence[Any]


class Questions:
    """Asks one server at a time, one question after the other. Each has so many `seconds`, with the connection that it
    may need."""

    def __init__(self, clock: IReactorTime, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._asked: Hashable = None  # the server of the present connection
        self._connection: RedisConnection | None = None
        self._asking: Deferred[list[Any]] | None = None

    def ask(
        self, server: Hashable, endpoint: Connects, greeting: Sequence[Words], *commands: Words
    ) -> Deferred[list[Any]]:
        """The replies of the server of this name to these commands, a `Refused` or an `Elsewhere` for one that it did
        not carry out. Fails with these where it refuses the greeting, and with other errors where it can't be reached,
        or not in time."""
        if server != self._asked:
            self.close()
            self._asked = server
        self._asking = ensureDeferred(self._replies(endpoint, greeting, commands))
        return self._asking.addTimeout(self._seconds, self._clock).addCallbacks(self._answered, self._failed)

    def close(self) -> None:
        """Keep no connection, and wait for no answer."""
        asking, self._asking = self._asking, None
        connection, self._connection, self._asked = self._connection, None, None
        if asking is not None:
            asking.cancel()
        if connection is not None:
            connection.transport.abortConnection()

    async def _replies(
        self, endpoint: Connects, greeting: Sequence[Words], commands: Sequence[Words]
    ) -> list[Any]:
        if self._connection is None:
            await self._connect(endpoint)
            for said in await self._sent(greeting):
                if isinstance(said, Exception):
                    raise said
        return await self._sent(commands)

    async def _connect(self, endpoint: Connects) -> None:
        made: Deferred[RedisConnection] = Deferred()
        await endpoint.connect(ProtocolFactory(_Life(self, made)))
        self._connection = await made

    async def _sent(self, commands: Sequence[Words]) -> list[Any]:
        if self._connection is None:
            raise LinkLost("the connection was closed")
        sent = [self._connection.execute_command(*words).addErrback(_refusal) for words in commands]
        try:
            return await gatherResults(sent, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()

    def lost(self, connection: RedisConnection) -> None:
        """A connection is no longer there."""
        if self._connection is connection:
            self._connection = self._asked = None

    def _answered(self, replies: list[Any]) -> list[Any]:
        self._asking = None
        return replies

    def _failed(self, failure: Failure) -> Failure:
        self._asking = None
        self.close()
        return failure


class _Life:
    """Of one connection."""

    def __init__(self, questions: Questions, made: Deferred[RedisConnection]) -> None:
        self._questions = questions
        self._made = made

    def made(self, connection: RedisConnection) -> None:
        if self._made.called:  # nobody waits for it any more
            connection.transport.abortConnection()
        else:
            self._made.callback(connection)

    def lost(self, connection: RedisConnection, why: str) -> None:
        self._questions.lost(connection)


def _refusal(failure: Failure) -> Exception:
    """What Redis said, as an answer."""
    failure.trap(txredisapi.ResponseError)
    return read_refusal(str(failure.value))
