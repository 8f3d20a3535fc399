"""Between relay and Celery: tasks out, results in.

One connection pushes tasks, one listens for the results of this process, told apart by their ids (``<process>.<n>``);
nothing is polled. What was published while no one listened is asked for when the connection is back, and now and then
besides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.celery import wire
from relay.celery.wire import Reply, Task
from relay.errors import JobError
from relay.recurring import recurring
from relay.store.address import Address
from relay.store.health import Health
from relay.store.link import Elsewhere, Link, LinkLost, Refused
from relay.store.names import random_name
from relay.store.subscription import Subscription

AWAY = 5.0  # seconds for a broker or a backend that does not answer
SWEEP = 15.0  # seconds between questions for results that were not heard

Heard = Callable[[Reply], None]


class Bridge:
    """To one broker and one result backend."""

    _log = Logger()

    def __init__(self, reactor: Any, broker: str, backend: str, prefix: str = "") -> None:
        self._clock: IReactorTime = reactor
        self._prefix = prefix
        self._process = f"relay-{random_name(10)}"
        self._minted = 0
        self._waiting: dict[str, tuple[Deferred[Reply], Heard]] = {}
        self._broker_address, backend_address = Address.parse(broker), Address.parse(backend)
        self._broker = Link(reactor, self._broker_address.endpoint(reactor), self._broker_address)
        one_server = self._broker_address.shown == backend_address.shown
        health = self._broker.health if one_server else Health(reactor, backend_address.shown)
        self._backend = Link(reactor, backend_address.endpoint(reactor), backend_address, health)
        pattern = f"{prefix}{wire.RESULT_PREFIX}{self._process}.*"
        self._results = Subscription(reactor, backend_address, pattern, self._published, health)
        self._results.on_up = self._ask_soon
        self._sweep = recurring(reactor, self._ask)

    def start(self) -> None:
        """Connect, for as long as this process runs."""
        for each in (self._broker, self._backend, self._results):
            each.start()
        self._sweep.start(SWEEP, now=False)

    def mint(self) -> str:
        """An id whose results are heard here."""
        self._minted += 1
        return f"{self._process}.{self._minted}"

    async def run(self, task: Task, heard: Heard, seconds: float) -> Reply:
        """Queue a task, and wait for its end; `heard` is called with each state before that. Raises `JobError` where
        Celery is away, and for an end that does not come within `seconds`; whoever stops waiting revokes the task."""
        until = self._clock.seconds() + seconds
        await self._in_time(self._results.listening(), "result backend")
        answer: Deferred[Reply] = Deferred()
        self._waiting[task.id] = answer, heard
        reply = None
        try:
            await self._push(task)
            reply = await answer.addTimeout(max(0.0, until - self._clock.seconds()), self._clock)
            return reply
        except TimeoutError:
            raise JobError(
                "Celery has no result yet, or none ever: its worker may have died, or ignores results",
                status=504,
                type="celery-timeout",
                title="Celery did not answer in time",
                retryable=True,
                task_id=task.id,
            ) from None
        finally:
            del self._waiting[task.id]
            if reply is None:
                self.revoke(task.id)

    def revoke(self, id: str) -> None:
        """Tell workers not to begin a task; one that runs goes on."""
        channel = wire.revocation_channel(self._broker_address.database, self._prefix)
        told = self._broker.command("PUBLISH", channel, wire.revocation(id)).addTimeout(AWAY, self._clock)
        told.addErrback(self._not_told, id)

    def _not_told(self, failure: Failure, id: str) -> None:
        """What can't be revoked ends by itself, or finds that it has expired."""
        if isinstance(failure.value, Refused):
            self._broker.health.refused(failure.value)
        elif not failure.check(LinkLost, TimeoutError):
            self._log.failure("task {id} could not be revoked", failure, id=id)

    async def _push(self, task: Task) -> None:
        key = wire.queue_key(task.queue, task.priority, self._prefix)
        message = wire.task_message(task)
        try:
            await self._in_time(self._broker.command("LPUSH", key, message), "broker")
        except Elsewhere as error:
            raise CeleryAway("broker") from error
        except Refused as refusal:
            self._broker.health.refused(refusal)
            raise CeleryAway("broker") from refusal
        except LinkLost:
            # it may have gone out, so it must not go out again: its result will tell, or its time
            self._log.warn("it is not known whether task {id} was queued", id=task.id)

    async def _in_time(self, deferred: Deferred[Any], what: str) -> Any:
        try:
            return await deferred.addTimeout(AWAY, self._clock)
        except TimeoutError:
            raise CeleryAway(what) from None

    # -- results --

    def _published(self, channel: bytes, message: bytes) -> None:
        id = channel.decode("utf-8", "replace").removeprefix(self._prefix + wire.RESULT_PREFIX)
        self._take(id, message)

    def _take(self, id: str, message: bytes) -> None:
        try:
            reply = wire.read_reply(message)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._log.warn("what came for task {id} is no reply: {error}", id=id, error=str(error))
            return
        answer, heard = self._waiting.get(id, (None, None))
        if reply.task_id != id or answer is None or heard is None or answer.called:
            self._log.debug("a reply of task {id} that nobody waits for", id=reply.task_id)
        elif reply.status in wire.TERMINAL:
            answer.callback(reply)
        else:
            heard(reply)

    def _ask_soon(self) -> None:
        ensureDeferred(self._ask()).addErrback(
            lambda failure: self._log.failure("results could not be asked for", failure)
        )

    async def _ask(self) -> None:
        """Look for results whose publication was missed; where that fails, the next sweep does."""
        try:
            await self._look()
        except (LinkLost, TimeoutError):
            pass
        except Refused as refusal:
            self._backend.health.refused(refusal)

    async def _look(self) -> None:
        ids = list(self._waiting)
        if not ids:
            return
        keys = [f"{self._prefix}{wire.RESULT_PREFIX}{id}" for id in ids]
        kept = await self._backend.command("MGET", *keys).addTimeout(AWAY, self._clock)
        for id, message in zip(ids, kept, strict=True):
            if message is not None:
                self._take(id, message)


class CeleryAway(JobError):
    """Celery can't be reached, so nothing was queued."""

    free = undone = True

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Celery's {what} is away",
            status=503,
            type="celery-away",
            title="Celery can't be reached",
            retryable=True,
        )
