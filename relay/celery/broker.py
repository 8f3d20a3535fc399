"""Celery's broker: tasks out, each of them once, and revocations."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from relay.celery import wire
from relay.celery.problems import AWAY, CeleryAway
from relay.celery.wire import Task
from relay.redis.address import Address
from relay.redis.connection import Connection, Elsewhere, LinkLost, Refused
from relay.redis.health import Health
from relay.redis.topology import topology_of

MARGIN = 3600.0  # seconds that a task's mark outlives it: clocks differ
_PUSH = """\
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[2]) then return 0 end
local pushed = redis.pcall('LPUSH', KEYS[2], ARGV[1])
if type(pushed) == 'table' then redis.call('SET', KEYS[1], '', 'PX', 1) end -- an error: the mark goes at once
return pushed
"""


class Broker:
    """Queues tasks. A task that is pushed again with the same id is not queued again, because a mark with its id is set
    together with it."""

    _log = Logger()

    def __init__(self, reactor: Any, address: Address, prefix: str) -> None:
        self._clock: IReactorTime = reactor
        self._address = address
        self._prefix = prefix
        self._topology = topology_of(reactor, address)
        self._link = Connection(reactor, self._topology.server_of(prefix))

    @property
    def health(self) -> Health:
        return self._link.health

    def start(self) -> None:
        """Connect, until this process stops."""
        self._topology.start()
        self._link.start()

    async def push(self, task: Task, seconds: float, again: bool = False) -> None:
        """Queue a task that is of use for so many seconds; `again` says that it may have been pushed before. Raises
        `CeleryAway` if this call certainly did not queue it."""
        lost: list[LinkLost] = []
        try:
            await Deferred.fromCoroutine(self._push(task, seconds, again, lost)).addTimeout(AWAY, self._clock)
        except (Refused, Elsewhere, TimeoutError) as error:
            if isinstance(error, Refused):
                self.health.refused(error)
            is_under_way = isinstance(error, TimeoutError) and self._link.up
            if not lost and not is_under_way:
                raise CeleryAway("broker") from error
            # its result will tell, or its time
            self._log.warn("it is not known whether task {id} was queued", id=task.id)

    async def _push(self, task: Task, seconds: float, again: bool, lost: list[LinkLost]) -> None:
        mark = f"{self._prefix}relay-pushed-{task.id}"
        key = wire.queue_key(task.queue, task.priority, self._prefix)
        message, kept = wire.task_message(task), int((seconds + MARGIN) * 1000)
        while True:
            try:
                await self._link.command("EVAL", _PUSH, 2, mark, key, message, kept)
                return
            except Elsewhere:
                raise
            except LinkLost as error:  # it may have gone out, and may again
                lost.append(error)
            except Refused as refusal:
                if again or lost or not _is_of_scripts(refusal):
                    raise
                break
        self.health.complain(
            "scripts",
            LogLevel.warn,
            "refuses to mark queued tasks: a task may get lost when a worker of relay dies",
        )
        await self._push_unmarked(key, message, lost)

    async def _push_unmarked(self, key: str, message: bytes, lost: list[LinkLost]) -> None:
        """For a broker that refuses marks: a task that may have been sent is never sent again."""
        try:
            await self._link.command("LPUSH", key, message)
        except Elsewhere:
            raise
        except LinkLost as error:
            lost.append(error)
            raise TimeoutError from error

    def revoke(self, id: str) -> None:
        """Tell workers not to start a task; a running task goes on."""
        channel = wire.revocation_channel(self._address.database, self._prefix)
        told = self._link.command("PUBLISH", channel, wire.revocation(id)).addTimeout(AWAY, self._clock)
        told.addErrback(self._not_told, id)

    def _not_told(self, failure: Failure, id: str) -> None:
        """A task that can't be revoked ends by itself, or expires."""
        if isinstance(failure.value, Refused):
            self.health.refused(failure.value)
        elif not failure.check(LinkLost, TimeoutError):
            self._log.failure("task {id} could not be revoked", failure, id=id)


def _is_of_scripts(refusal: Refused) -> bool:
    """Whether a server refuses scripts, or the mark, and might take the task."""
    said = str(refusal)
    return refusal.word == "NOPERM" or "unknown command" in said or "ACL failure" in said
