"""A thread that notices when a worker's reactor stands still, because a handler blocks it.

::

    beats: reactor, every 0.25 s ──▶ Watchdog.tick: thread, every 0.25 s
                                        │ 1 s without a beat      look where the reactor's thread is, and log it
                                        │ a third of the lease    renew it, so that no other worker takes the jobs
                                        │ `stall` in one job      blame the job, and end the process
                                        ▼ a beat                  log that it is over

Time in which this thread stood still as well counts for little, because the process was stopped or the machine slept.
So a call that holds the interpreter's lock is not noticed here. Under ``all`` the supervisor notices that the thread's
signs of life are missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from relay.worker.sight import Sight

BEAT = 0.25  # seconds between beats, and between looks for them
NOTICE = 1.0  # seconds without a beat after which the reactor stands still
_LONGEST_GAP = 2 * BEAT  # what counts, at most, of the time between two looks


class Lease(Protocol):
    """The lease of this worker, renewed without its reactor."""

    def renew(self, blame: str = "", last: bool = False) -> bool:
        """Renew the lease, or end it now if this is the `last` time. Returns whether the store still knew it.

        `blame` is the id of the job that stopped the worker.
        """

    def close(self) -> None:
        """It is not needed for now."""


class Watchdog:
    """Looks at a reactor from outside; `seconds` is a steady clock, `end` ends the process, `tell` hears of each job
    that blocks the reactor: its id, its name, and for how many seconds by then."""

    _log = Logger()

    def __init__(
        self,
        look: Callable[[], Sight],
        running: Callable[[], int],
        lease: Lease,
        lease_time: float,
        stall: float,
        seconds: Callable[[], float],
        end: Callable[[], None],
        tell: Callable[[str, str, float], None] = lambda id, job, seconds: None,
    ) -> None:
        self._look = look
        self._running = running
        self._lease = lease
        self._pause = lease_time / 3  # between renewals
        self._stall = stall
        self._seconds = seconds
        self._end = end
        self._tell = tell
        self._beats = 0
        self._seen = 0
        self._looked = seconds()
        self._still = 0.0  # seconds without a beat
        self._blocked = 0.0  # of these, by the present job
        self._unrenewed = 0.0  # seconds since the lease was renewed, or the last beat
        self._sight: Sight | None = None  # what was logged of this standstill
        self._lost = ""  # why the lease could not be renewed, as logged

    def beat(self) -> None:
        """The reactor runs."""
        self._beats += 1

    def tick(self) -> None:
        """Look once. To be called every `BEAT` seconds, by another thread than the reactor's."""
        began = self._seconds()
        if self._beats != self._seen:
            self._seen = self._beats
            self._goes_on()
        else:
            self._count(min(began - self._looked, _LONGEST_GAP))
            self._stands_still()
        self._looked = self._seconds()
        self._count(self._looked - began if self._still else 0.0)  # the store may have been slow

    def _count(self, seconds: float) -> None:
        self._still += seconds
        self._blocked += seconds
        self._unrenewed += seconds

    def _goes_on(self) -> None:
        if self._sight is not None:
            self._log.warn("the worker goes on after it was blocked for {seconds:.1f} s", seconds=self._still)
        if self._still:
            self._lease.close()
        self._still = self._blocked = self._unrenewed = 0.0
        self._sight, self._lost = None, ""

    def _stands_still(self) -> None:
        if self._still >= NOTICE:
            self._notice(self._sight_now())
        if self._sight is not None and self._blocked >= self._stall:
            self._give_up(self._sight)
        elif self._unrenewed >= self._pause:
            self._renew()

    def _sight_now(self) -> Sight:
        try:
            return self._look()
        except Exception as error:  # frames of another thread may hold anything
            return Sight(None, f"a place that can't be told ({error!r})")

    def _notice(self, sight: Sight) -> None:
        """Log what is seen, once for each job that the reactor stands still in."""
        before, self._sight = self._sight, sight
        if before is not None and sight.claim is None:
            self._sight = before
        elif before is None or before.claim != sight.claim:
            if before is not None and before.claim is not None:
                self._blocked = 0.0  # another job blocks, so the one before has come to its end
            self._log.warn(
                f"the worker has been blocked for {{seconds:.1f}} s: {_WHO[sight.claim is None]}",
                **self._said(sight),
            )
            self._tell(*((sight.claim.id, sight.claim.job.name) if sight.claim else ("", "")), self._still)

    def _said(self, sight: Sight) -> dict[str, object]:
        claim = sight.claim
        job = {} if claim is None else {"id": claim.id, "name": claim.job.name}
        return {"seconds": self._still, "where": sight.where, "running": self._running(), **job}

    def _renew(self) -> None:
        self._unrenewed = 0.0
        blamed = self._sight.claim if self._sight is not None else None
        try:
            lost = "" if self._lease.renew() else "the store no longer knows this worker"
            if lost and blamed is not None:
                self._lease.renew(blame=blamed.id)
        except Exception as error:
            lost = f"{type(error).__name__}: {error}"
        if lost and not self._lost:
            self._log.warn("the lease of the blocked worker can't be renewed: {why}", why=lost)
        self._lost = lost

    def _give_up(self, sight: Sight) -> None:
        who = _WHO[sight.claim is None]
        try:
            self._log.critical(
                f"the worker has been blocked for {{seconds:.1f}} s and is ended: {who}", **self._said(sight)
            )
            self._lease.renew(blame=sight.claim.id if sight.claim is not None else "", last=True)
        except Exception as error:
            self._log.error(
                "the store could not be told which job blocked the worker: {error}", error=repr(error)
            )
        finally:
            self._end()


#: by whether the job is unknown
_WHO = {
    False: "job {id} ({name}) blocks it, at {where}",
    True: "it is blocked at {where}, by an unknown job; {running} jobs are running",
}


class WatchThread:
    """Has a watchdog look at the reactor until it is stopped; calls `alive` each time."""

    _log = Logger()

    def __init__(self, watchdog: Watchdog, alive: Callable[[], None]) -> None:
        self._watchdog = watchdog
        self._alive = alive
        self._stopped = threading.Event()
        self._beating = LoopingCall(watchdog.beat)
        self._failed = False

    def start(self, clock: IReactorTime) -> None:
        self._beating.clock = clock
        self._beating.start(BEAT)
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if self._beating.running:
            self._beating.stop()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._alive()
                self._watchdog.tick()
            except Exception:
                if not self._failed:
                    self._log.failure("the watchdog failed, and goes on")
                self._failed = True
            self._stopped.wait(BEAT)
