"""A whole relay in a test: a store, a worker, APIs that are stubbed, and a clock that skips."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay.model.settings import Settings
from relay.model.state import State
from relay.solo.kept import KeptJob
from relay.solo.solo import Solo, SoloTools
from relay.store.workers import WorkerStore
from relay.testing.answers import Api, ApiRequest, Stubs
from relay.testing.driver import Driver
from relay.testing.found import found, name_of
from relay.testing.outcomes import Ran
from relay.testing.stubbed_agent import StubbedUpstreams
from relay.worker.result import encode

LONGEST = 90 * 86_400.0  # seconds, by the test's clock, for anything to come to an end
_SETTLE = 0.005  # seconds in which what is due is begun
Handlers = str | Callable[..., Any] | Any


class Relay:
    """Runs the jobs of some handlers, to be used in a ``with``. Nothing happens but within its methods, and time skips
    whatever nothing real is waited for.

    `jobs`: modules, names of modules, or handlers; a handler brings those along that its module knows, a module its
    hooks · `api`: what APIs answer (`relay.testing.answers.Stubs`) · `settings`: what ``--set`` gives to handlers ·
    `now`: the time at which it begins · `overrides`: by the function that makes something shared, what handlers are
    given in its place · `concurrency`: jobs at once · `schedules`: whether those of `jobs` are fired that have a
    schedule · `real_network`: whether clients other than `context.http` may connect to something.
    """

    def __init__(
        self,
        *jobs: Handlers,
        api: Api | None = None,
        settings: Mapping[str, str] | None = None,
        now: datetime | None = None,
        overrides: Mapping[Callable[..., Any], Any] | None = None,
        concurrency: int = 200,
        schedules: bool = True,
        real_network: bool = False,
    ) -> None:
        self._driver = Driver(real_network)
        self._stubs = Stubs(api or {})
        self._upstreams: StubbedUpstreams
        self._began = (now or datetime.now(UTC)).timestamp()
        given = tuple(f"{name}={value}" for name, value in (settings or {}).items())
        tools = SoloTools(
            clock=self._driver.clock,
            now=self._began,
            upstreams=self._open_upstreams,
            in_thread=self._driver.clock.in_thread,
            from_thread=self._driver.clock.callFromThread,
            spawn=self._driver.processes.spawn,
        )
        functions, meant, hooks = found(jobs)
        self._solo = Solo(
            tools,
            functions,
            Settings(set=given, concurrency=concurrency),
            hooks,
            fired=meant if schedules else (),
        )
        for make, value in (overrides or {}).items():
            self._solo.worker.shareds.override(make, value)
        self._solo.ended = self._job_ended
        self._awaited: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def _open_upstreams(self, store: WorkerStore) -> StubbedUpstreams:
        broken = self._driver.break_off
        self._upstreams = StubbedUpstreams(
            self._driver.clock, store, self._stubs, broken, Settings().per_host
        )
        return self._upstreams

    def __enter__(self) -> Relay:
        self._driver.begin()
        self._driver.run(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._driver.run(self._solo.stop)
        finally:
            self._driver.close()

    def _start(self) -> Deferred[None]:
        self._solo.start()
        return self._solo.ready

    # -- what a test does --

    def submit(self, job: str | Callable[..., Any], /, **arguments: Any) -> Ran:
        """Submit a job, by its handler or its name. Raises what a client would be answered: `BadArguments`, …"""
        return self.submission()(job, **arguments)

    def submission(
        self, key: str = "", delay: float = 0.0, deadline: float = 0.0, notify: str = ""
    ) -> Callable[..., Ran]:
        """Like `submit`, with an idempotency key, seconds from now until it may begin, and must have ended, and whom to
        notify, which the job's `then` is told."""

        def submit(job: str | Callable[..., Any], /, **arguments: Any) -> Ran:
            name = name_of(job)
            text = encode(arguments)
            return self._ran(
                self._driver.run(lambda: self._solo.submit(name, text, key, delay, deadline, notify))
            )

        return submit

    def run(self, job: str | Callable[..., Any], /, **arguments: Any) -> Ran:
        """Submit a job, and go on until it has ended."""
        ran = self.submit(job, **arguments)
        self._go_on_until(lambda: self._solo.jobs[ran.id].outcome is not None, f"{ran.name} does not end")
        return ran

    def run_until_idle(self) -> None:
        """Go on until each job has ended, those included that are to begin later or to be tried again. Raises
        `AssertionError` if that takes longer than `LONGEST`."""
        self._go_on_until(lambda: not self._solo.alive(), "these jobs do not end")

    def advance(self, seconds: float) -> None:
        """Go on for so many seconds by the test's clock, and some milliseconds, in which what is due then is begun."""
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{seconds!r} is not a number of seconds that time can go on for")
        self._driver.run(lambda: deferLater(self._driver.clock, seconds + _SETTLE))

    def cancel(self, job: Ran) -> None:
        """As a client cancels it."""
        self._driver.run(lambda: self._solo.cancel(job.id))

    # -- what it sees --

    @property
    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.fromtimestamp(self._began + self._driver.clock.seconds(), UTC)

    @property
    def jobs(self) -> list[Ran]:
        """All that were submitted, by the test and by others, in their order."""
        return [self._ran(kept) for kept in self._solo.jobs.values()]

    def submitted(self, job: str | Callable[..., Any]) -> list[Ran]:
        """Those of one name."""
        name = name_of(job)
        return [ran for ran in self.jobs if ran.name == name]

    @property
    def calls(self) -> list[ApiRequest]:
        """All requests that were made to APIs."""
        return self._upstreams.calls

    # -- how --

    def _ran(self, kept: KeptJob) -> Ran:
        return Ran(kept, self)

    def state(self, kept: KeptJob) -> State:
        """Where a job stands."""
        return kept.outcome.state if kept.outcome is not None else self._solo.store.data.jobs[kept.id].state

    def _go_on_until(self, condition: Callable[[], bool], what: str) -> None:
        self._driver.run(lambda: self._when(condition))
        if not condition():
            alive = "".join(f"\n    {self._ran(kept)!r}" for kept in self._solo.alive())
            raise AssertionError(f"{what} within {LONGEST:.0f} s of the test's clock:{alive}")

    def _when(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Fires when that is so, or after `LONGEST`."""
        fired: Deferred[None] = Deferred()
        late = self._driver.clock.callLater(LONGEST, fired.callback, None)
        self._awaited.append((condition, fired))
        self._look()
        return fired.addBoth(lambda _: late.cancel() if late.active() else None)

    def _job_ended(self, kept: KeptJob) -> None:
        self._driver.clock.callLater(0, self._look)

    def _look(self) -> None:
        for awaited in list(self._awaited):
            condition, fired = awaited
            if fired.called or condition():
                self._awaited.remove(awaited)
                if not fired.called:
                    fired.callback(None)
