"""Celery's result backend: the results of tasks.

One connection listens to the results of all tasks that are waited for, each on its own channel; nothing is polled. When
the connection is back, and now and then, relay asks for results that were published while nobody listened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel

from relay.celery import wire
from relay.celery.problems import AWAY
from relay.celery.wire import TaskReply
from relay.model.ids import random_name
from relay.redis.address import Address
from relay.redis.connection import Connection, LinkLost, Refused
from relay.redis.health import Health
from relay.redis.subscription import Subscription
from relay.redis.topology import topology_of
from relay.timing.recurring import recurring

SWEEP = 15.0  # seconds between questions for results that were not heard
MOST = 500  # results that are asked for at once

Heard = Callable[[TaskReply], None]


class Wait:
    """Waits for the end of one task. `listens` fires when no published state can be missed any more, `end` fires with
    the task's end; `heard` is called with each state before that."""

    def __init__(self, id: str, heard: Heard, listens: Deferred[None]) -> None:
        self.id = id
        self.heard = heard
        self.listens = listens
        self.end: Deferred[TaskReply] = Deferred()


class Results:
    """The results of one backend; `health` is shared if the broker is the same server."""

    _log = Logger()

    def __init__(self, reactor: Any, address: Address, prefix: str, health: Health | None) -> None:
        self._clock: IReactorTime = reactor
        self._prefix = f"{prefix}{wire.RESULT_PREFIX}"
        self._waits: dict[str, Wait] = {}
        self._topology = topology_of(reactor, address)
        server = self._topology.server_of(prefix)
        self._link = Connection(reactor, server, health or Health(reactor, server.shown))
        own = f"{self._prefix}relay-{random_name(10)}"
        self._heard = Subscription(reactor, server, own, self._published, self._link.health)
        self._heard.on_up = self._ask_soon
        self._sweep = recurring(reactor, self._ask_all)

    def start(self) -> None:
        """Connect, until this process stops."""
        self._topology.start()
        self._link.start()
        self._heard.start()
        self._sweep.start(SWEEP, now=False)

    def close(self) -> None:
        """The process leaves, and its connections with it."""
        self._link.health.close()

    def wait(self, id: str, heard: Heard) -> Wait:
        """Listen to a task from now on, in place of an earlier waiter."""
        wait = self._waits[id] = Wait(id, heard, self._heard.listen(self._prefix + id))
        return wait

    def leave(self, wait: Wait) -> None:
        """Stop waiting for this task."""
        if self._waits.get(wait.id) is wait:
            del self._waits[wait.id]
            self._heard.leave(self._prefix + wait.id)

    async def ask(self, ids: Sequence[str]) -> None:
        """Ask for results that were published while nobody listened; if that fails, the next sweep asks again."""
        try:
            for first in range(0, len(ids), MOST):
                await self._look(ids[first : first + MOST])
        except (LinkLost, TimeoutError):
            pass
        except Refused as refusal:
            self._link.health.refused(refusal)
        except (TypeError, ValueError) as error:  # no list, or not one of these
            self._link.health.complain(
                "odd", LogLevel.error, "gave an odd answer to MGET: {error}", error=str(error)
            )

    async def _look(self, ids: Sequence[str]) -> None:
        keys = [self._prefix + id for id in ids]
        kept = await self._link.command("MGET", *keys).addTimeout(AWAY, self._clock)
        for id, message in zip(ids, kept, strict=True):
            if message is not None:
                self._take(id, message)

    def _ask_soon(self) -> None:
        ensureDeferred(self._ask_all()).addErrback(
            lambda failure: self._log.failure("the result backend could not be asked for results", failure)
        )

    async def _ask_all(self) -> None:
        await self.ask(list(self._waits))

    def _published(self, channel: bytes, message: bytes) -> None:
        self._take(channel.decode("utf-8", "replace").removeprefix(self._prefix), message)

    def _take(self, id: str, message: bytes) -> None:
        try:
            reply = wire.read_reply(message)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            self._log.warn("the message for task {id} is not a reply: {error}", id=id, error=str(error))
            return
        wait = self._waits.get(id)
        if reply.task_id != id or wait is None or wait.end.called:
            self._log.debug("a reply of task {id} that nobody waits for", id=reply.task_id)
        elif reply.status in wire.TERMINAL:
            wait.end.callback(reply)
        else:
            wait.heard(reply)
