"""How a command works on a relay: it connects, acts, and says in one line what went wrong.

Status: 0 where all went well, 1 where it did not, 2 for a mistake on the command line or in the environment, 130 where
it was interrupted. What a command returns is its status.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react

from relay.commands.ending import Unreached
from relay.commands.reaching import ListenerReach, NoRelay, reach
from relay.model.problems.base import RelayError
from relay.model.settings import SettingError, Settings, config_path
from relay.operations.operations import Operations
from relay.timing import clock

INTERRUPTED = 130
_AGAIN = 0.5  # seconds between two interruptions of what goes on
Act = Callable[[Operations, Any, Namespace], Awaitable["int | None"]]  # with the reactor; its status
Way = Callable[[Any], AbstractAsyncContextManager[Operations]]  # into a relay, by a reactor


def conduct(asked: Namespace, act: Act) -> NoReturn:
    """Act on the relay that is meant, and exit with the status."""
    way = way_of(asked)
    react(lambda reactor: Conduct(reactor, asked, act).run(way))


def glance(asked: Namespace, act: Act, seconds: float) -> NoReturn:
    """The same, with an end after so many seconds."""
    way = way_of(asked)
    react(lambda reactor: Conduct(reactor, asked, act).run(way).addTimeout(seconds, reactor))


def way_of(asked: Namespace) -> Way:
    """The way into the relay that is meant. Exits where it can't be told which."""
    try:
        meant = reach(asked, os.environ)
        if isinstance(meant, ListenerReach):
            return _by_listener(meant)
        return _by_store(meant.url, asked.store_name)
    except SettingError as error:
        sys.stderr.write(f"relay: {error}\n")
        sys.exit(2)
    except NoRelay as error:
        sys.exit(f"relay: {error}")


def _by_listener(meant: ListenerReach) -> Way:
    from relay.commands.at_listener import remote_operations  # each of both ways needs half of relay

    if meant.is_open:
        sys.stderr.write(f"relay: the token goes to {meant.url} unencrypted\n")
    return lambda reactor: remote_operations(reactor, meant)


def _by_store(url: str, store_name: str) -> Way:
    from relay.commands.at_store import store_operations
    from relay.redis.address import Address, AddressError

    named = {"store_name": store_name} if store_name else {}
    settings = Settings.read(named, os.environ, config_path({}))
    try:
        address = Address.parse(url)
    except AddressError as error:
        raise SettingError(f"--redis: {error}") from error
    return lambda reactor: store_operations(reactor, address, settings)


class Conduct:
    """One command at work. It can be interrupted."""

    def __init__(self, reactor: Any, asked: Namespace, act: Act) -> None:
        clock.steady(reactor)
        self._reactor = reactor
        self._asked = asked
        self._act = act
        self._is_interrupted = False

    def run(self, way: Way) -> Deferred[None]:
        """Fails with `SystemExit` where the status is not 0."""
        working = Deferred.fromCoroutine(self._run(way))
        self._reactor.addSystemEventTrigger("before", "shutdown", self._interrupt, working)
        return working

    def _interrupt(self, working: Deferred[None]) -> Deferred[None] | None:
        if working.called:
            return None
        self._is_interrupted = True
        ended: Deferred[None] = Deferred()

        def end(result: Any) -> Any:
            ended.callback(None)
            return result

        working.addBoth(end)
        again = LoopingCall(working.cancel)  # it may take the first for an answer that did not come
        again.clock = self._reactor
        again.start(_AGAIN)
        ended.addCallback(lambda _: again.stop())
        return ended

    async def _run(self, way: Way) -> None:
        try:
            async with way(self._reactor) as operations:
                status = await self._act(operations, self._reactor, self._asked)
        except (Unreached, RelayError) as error:
            status = _told(self._is_interrupted, str(error))
        except BaseException:
            if not self._is_interrupted:
                raise
            status = INTERRUPTED
        if status:
            raise SystemExit(status)


def _told(is_interrupted: bool, why: str) -> int:
    if is_interrupted:
        return INTERRUPTED
    sys.stderr.write(f"relay: {why}\n")
    return 1
