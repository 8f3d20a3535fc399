"""The bridge between relay and Celery: it queues tasks and waits for their ends."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.celery.broker import Broker
from relay.celery.problems import AWAY, CeleryAway, CeleryTimeout
from relay.celery.results import Heard, Results, Wait
from relay.celery.wire import Task, TaskReply
from relay.redis.address import Address, AddressError


class Bridge:
    """To one broker and one result backend. Raises `AddressError`."""

    _log = Logger()

    def __init__(self, reactor: Any, broker: str, backend: str, prefix: str = "") -> None:
        self._clock: IReactorTime = reactor
        broker_address, backend_address = _address(broker), _address(backend)
        self._broker = Broker(reactor, broker_address, prefix)
        one_server = broker_address.shown == backend_address.shown
        self._results = Results(reactor, backend_address, prefix, self._broker.health if one_server else None)
        self.revoke = self._broker.revoke

    def start(self) -> None:
        """Connect, until this process stops."""
        self._broker.start()
        self._results.start()

    def close(self) -> None:
        """The process leaves, and its connections with it."""
        self._broker.health.close()
        self._results.close()

    async def run(self, task: Task, heard: Heard, seconds: float, kept: Deferred[None]) -> TaskReply:
        """Queue a task, once its job's checkpoint is `kept`, and wait for its end; `heard` is called with each state
        before that. Raises `CeleryAway` if certainly nothing was queued, and another `JobError` if the end does not
        come within `seconds`."""
        until = self._clock.seconds() + seconds
        wait = self._results.wait(task.id, heard)
        try:
            await kept
            try:
                await wait.listens.addTimeout(AWAY, self._clock)
            except TimeoutError:
                raise CeleryAway("result backend") from None
            await self._broker.push(task, seconds)
            return await self._end(wait, until)
        finally:
            self._results.leave(wait)

    async def go_on(self, task: Task, heard: Heard, seconds: float, use: float) -> TaskReply:
        """Wait for the end of a task that an earlier attempt queued or was about to queue. It is queued now if it was
        not; `use` is how many seconds it is still of use. Raises `JobError` if the end does not come within
        `seconds`."""
        until = self._clock.seconds() + seconds
        wait = self._results.wait(task.id, heard)
        try:
            await wait.listens.addTimeout(min(AWAY, seconds), self._clock, lambda *_: None)
            await self._results.ask([task.id])
            if use > 0 and not wait.end.called:
                await self._push_again(task, use)
            return await self._end(wait, until)
        finally:
            self._results.leave(wait)

    async def _push_again(self, task: Task, use: float) -> None:
        try:
            await self._broker.push(task, use, again=True)
        except CeleryAway:
            self._log.warn("it is not known whether task {id} was queued", id=task.id)

    async def _end(self, wait: Wait, until: float) -> TaskReply:
        try:
            return await wait.end.addTimeout(max(0.0, until - self._clock.seconds()), self._clock)
        except TimeoutError:
            raise CeleryTimeout(wait.id) from None


def _address(url: str) -> Address:
    """Raises `AddressError`."""
    address = Address.parse(url)
    if address.kind == "cluster":  # its keys are in many slots, and its workers block on them
        raise AddressError("Celery does not run on a Cluster")
    return address
