"""The supervisor of ``relay all``: starts the embedded Redis, fronts and workers, stops them in order, and gives back
what dead ones held."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, gatherResults, maybeDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.problems.base import RelayError
from relay.model.settings import SettingError
from relay.process.managed import ManagedProcess
from relay.process.reexec import Inherited, ManagedState
from relay.store.operators import OperatorStore

SILENCE = 5.0  # seconds beyond `--stall` without a sign of life until a worker is killed
_REAP_PAUSE = 0.2  # seconds between attempts to reap, while Redis is away
_REMIND = 60.0  # seconds between log lines about a process that can't be reaped


@dataclass(frozen=True, slots=True)
class Reexecution:
    """How a supervisor restarts in place. `check` fails with `SettingError`. `go_on` gets the running processes, and
    title and name of each ended process whose jobs were not given back; it raises `OSError` or does not return."""

    check: Callable[[], Deferred[None]]
    go_on: Callable[[list[ManagedState], list[tuple[str, str]]], None]


class Supervisor(Service):
    """Starts the store first and stops it last; between that, the fronts and workers that need it. Whatever a child
    held when it ended goes back at once."""

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        redis: ManagedProcess | None,
        children: Sequence[ManagedProcess],
        store: OperatorStore,
        renewal: Reexecution | None = None,
        name: str = "",
    ) -> None:
        """`name`: of this process, as it tells the store of itself."""
        self._reactor = reactor
        self._redis = redis
        self._children = children
        self.store = store
        self._name = name
        self._renewal = renewal
        self._renewing: Deferred[None] | None = None
        self._again = False  # asked to renew itself while it looks whether it may
        self._retired: list[ManagedProcess] = []  # processes for which there is no place any more
        self._due: list[ManagedProcess] = []  # to be replaced
        self._replacing: Deferred[None] | None = None
        self._reaping: dict[Deferred[None], tuple[str, str]] = {}  # titles and names
        self._inherited: Inherited | None = None
        #: what runs as long as the store is there: the admin listener
        self.beside: list[Service] = []
        #: called when everything stops, and its processes have been told so: none is started any more
        self.hang_up: Callable[[], None] = lambda: None
        #: called when all is over
        self.release: Callable[[], None] = lambda: None
        #: fires when requests are answered: the first front is ready
        self.ready: Deferred[None] = Deferred()
        for child in children:
            child.on_exit = partial(self._reap_soon, child.title)
            child.on_ready = partial(self._is_ready, child.role)
            child.on_stale = partial(self._replace, [child])

    def adopt(self, left: Inherited, place: Callable[[str, int], ManagedProcess]) -> None:
        """Go on with the running processes, and replace them once started, the oldest first, so that repeated restarts
        reach all of them. `place` makes a place for a process that has none any more."""
        for child in (*([self._redis] if self._redis else []), *self._children):
            state = left.take_kept(child.role, child.number)
            if state is not None:
                child.adopt(state)
        for state in left.kept:
            retired = place(state.role, state.number)
            retired.on_exit = partial(self._reap_soon, retired.title)
            retired.adopt(state)
            self._retired.append(retired)
        self._inherited = left

    def startService(self) -> None:
        super().startService()
        self.store.start()
        for each in self.beside:
            each.startService()
        adopted = [child for child in self._children if child.has_process()]
        for child in (*([self._redis] if self._redis else []), *self._children):
            if not child.has_process():
                child.start()
        if self._inherited is not None:
            for title, name in self._inherited.buried:
                self._reap_soon(title, name)
            for retired in self._retired:
                ensureDeferred(retired.retire())
            self._replace(sorted(adopted, key=lambda child: child.began))

    def why_not(self) -> str:
        """Why this relay takes no work, as far as its processes are concerned; "" if it does."""
        if not self.running:
            return "draining"
        fronts = (child for child in self._children if child.role == "front")
        return "" if any(child.can_work() for child in fronts) else "no front is ready"

    def _is_ready(self, role: str) -> None:
        if role == "front" and not self.ready.called:
            self.ready.callback(None)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        ended = gatherResults([ensureDeferred(child.stop()) for child in (*self._children, *self._retired)])
        self.hang_up()
        await ended
        await DeferredList(list(self._reaping))
        for each in self.beside:
            await maybeDeferred(each.stopService)
        if self._name:
            await self._reap("supervisor", self._name)
        await self.store.stop()
        if self._redis is not None:
            await self._redis.stop()
        self.release()

    def stop_at_once(self) -> None:
        """End every process now."""
        for child in (*self._children, *self._retired):
            child.signal(signal.SIGKILL)
        if self._redis is not None:
            self._redis.shut_down()

    def restart(self) -> None:
        """Restart in place if settings and handlers are in order; then replace fronts and workers one by one, each by a
        successor that is ready before the old process leaves. If it is called again during the check, settings and
        handlers may have changed, so they are checked again."""
        self._again = self._renewing is not None
        if self._renewing is None and self.running:
            self._renewing = ensureDeferred(self._renew()).addErrback(
                lambda failure: self._log.failure("nothing is replaced", failure)
            )
            self._renewing.addCallback(self._renewed)

    async def _renew(self) -> None:
        if self._renewal is not None:
            if not await self._checked(self._renewal):
                return
            if self.running:
                self._go_on(self._renewal)
        self._replace(self._children)

    async def _checked(self, renewal: Reexecution) -> bool:
        """Whether settings and handlers are in order."""
        error: SettingError | None = None
        self._again = True
        while self._again:
            self._again, error = False, None
            try:
                await renewal.check()
            except SettingError as found:
                error = found
        if error is not None:
            self._log.error("nothing is replaced: {error}", error=error)
        return error is None

    def _renewed(self, _: None) -> None:
        self._renewing = None

    def _go_on(self, renewal: Reexecution) -> None:
        """On success the rest is done by another program."""
        places = (*([self._redis] if self._redis else []), *self._children, *self._retired)
        former = [("supervisor", self._name)] if self._name else []
        self._log.info("the supervisor restarts in place")
        try:
            renewal.go_on([child.state() for child in places], [*self._reaping.values(), *former])
        except OSError:
            self._log.failure("the supervisor could not restart in place, and goes on unchanged")

    def reload(self) -> None:
        """Replace the workers only."""
        self._replace([child for child in self._children if child.role == "worker"])

    def _replace(self, children: Sequence[ManagedProcess]) -> None:
        """These, in their order; those of them that are due already are replaced once more after that."""
        if not self.running:
            self._log.info("nothing is replaced, because relay stops")
            return
        self._due += children
        if self._replacing is None:
            self._replacing = ensureDeferred(self._replace_due())
            self._replacing.addBoth(self._replaced)  # which may be called at once

    async def _replace_due(self) -> None:
        while self._due and self.running:
            child = self._due.pop(0)
            self._log.info("{title} is replaced", title=child.title)
            await child.replace()

    def _replaced(self, result: Any) -> None:
        self._replacing = None
        if isinstance(result, Failure):
            self._log.failure("the other processes are not replaced", result)
            self._due.clear()

    # -- children that ended --

    def _reap_soon(self, title: str, name: str) -> None:
        reaping = ensureDeferred(self._reap(title, name))
        self._reaping[reaping] = title, name
        reaping.addErrback(lambda failure: self._log.failure("reaping failed", failure))
        reaping.addBoth(lambda _: self._reaping.pop(reaping))

    async def _reap(self, title: str, name: str) -> None:
        """Give back what a process held: again and again until it is done; once, when everything stops."""
        began, told = self._reactor.seconds(), -_REMIND
        while True:
            try:
                await self.store.reap(name)  # which logs what goes back
                return
            except Exception as error:
                now = self._reactor.seconds()
                is_news = not isinstance(error, RelayError) or now - began >= _REMIND  # a store may be away
                if is_news and now - told >= _REMIND:
                    told = now
                    self._log.failure(
                        "{title} ({name}) has ended, and its jobs can't be given back yet",
                        title=title,
                        name=name,
                    )
            if not self.running:
                return
            await deferLater(self._reactor, _REAP_PAUSE)
