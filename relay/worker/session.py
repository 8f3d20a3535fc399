"""A worker's dialogue with the store: numbered turns, one under way at a time.

Jobs that end while a turn is under way are reported by the next one. A turn whose answer was lost is sent again with
its number, and the store answers as before. If the store no longer knows the session, or may have lost data, the worker
opens another session and offers what it holds: the jobs that it runs, and the ends that it could not report.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.model.job import Claim
from relay.model.problems.base import RelayError
from relay.model.problems.request import StoreAway, StoreReset
from relay.redis.connection import LinkLost
from relay.store.handing import HandedJob
from relay.store.messages import Fenced, Report, Turn, Turned
from relay.store.parts import SessionStore
from relay.store.portions import MOST_ENDS, portions
from relay.store.roster import Roster
from relay.timing.naps import Nap
from relay.worker.arrivals import Arrivals
from relay.worker.checkpoints import Checkpoints
from relay.worker.claiming import USUAL, ClaimRunner, Rests
from relay.worker.emitting import Emitting
from relay.worker.progress import LastWords
from relay.worker.turn_sender import TurnSender
from relay.worker.untold import Untold

_NOT_VALID = "session {name} is no longer valid ({error}); another one is opened"
_NOT_CLOSED = "session {name} could not be closed, and ends with its lease: {error}"


class Session:
    """Takes turns until it is closed."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: SessionStore,
        roster: Roster,
        runner: ClaimRunner,
        rests: Rests = USUAL,
    ) -> None:
        self._clock = clock
        self._rests = rests
        self._store = store
        self._roster = roster
        self._sender = TurnSender(clock, store)
        self._runner = runner
        self._name = ""
        self._opened = 0
        self._held: dict[str, tuple[Claim, int]] = {}  # with the turn that claimed it
        self._ends: list[Report] = []
        self._progress = LastWords(clock, self.nudge)
        self._checkpoints, self._untold = Checkpoints(), Untold(clock, store)
        self._arrivals = Arrivals(runner, self._held, self._checkpoints, self.report)
        self._emitting = Emitting(clock, store, self._held, self.resync, self.nudge)
        self._nudged = False
        self._stale = False
        self._closing = False
        self._nap = Nap(clock)

    def __repr__(self) -> str:
        counts = f"holds {len(self._held)} jobs, {self.not_begun} of them not begun, {len(self._ends)} ends to tell"
        return f"<{type(self).__name__} {self._name or 'not opened'}, {counts}>"

    @property
    def name(self) -> str:
        """The name of the present session; "" before the first was opened."""
        return self._name

    @property
    def not_begun(self) -> int:
        """How many jobs were claimed and not begun yet."""
        return len(self._arrivals.claimed)

    def holds(self) -> int:
        """How many jobs the store has given it, whose ends it has not taken yet."""
        return len(self._held)

    # -- what the worker says --

    def report(self, end: Report) -> None:
        """An attempt has ended."""
        self._ends.append(end)
        if self._checkpoints.last and end.state.complete:
            self._checkpoints.forget(end.id)
        self.nudge()

    def progress(self, id: str, said: str) -> None:
        """How far a job is, as JSON; only the last word before a turn is sent."""
        self._progress.add(id, said)

    def checkpoint(self, id: str, said: str) -> Deferred[None]:
        """What the next attempt of a job is given, as JSON; fires when the store has it."""
        told = self._checkpoints.add(id, said)
        self.nudge()
        return told

    def emit(self, id: str, number: int, said: str) -> Deferred[None]:
        """What a job puts out, as JSON; fires when the store has it. Its end is told after that."""
        return self._emitting.add(id, number, said)

    def hand(self, handed: Iterable[HandedJob]) -> None:
        """The store has handed it jobs: begin them, and take a turn, as for more."""
        self._arrivals.hand(self._name, handed, self._clock.seconds())
        self.nudge()

    def nudge(self) -> None:
        """There is something to report or to claim: take a turn soon."""
        self._nudged = True
        self._nap.wake()

    def resync(self) -> None:
        """The store may have lost what it knew of this session."""
        self._stale = True
        self.nudge()

    def close(self) -> None:
        """End the dialogue once everything has been reported."""
        self._closing = True
        self.nudge()

    # -- the dialogue --

    async def run(self) -> None:
        """Open sessions and take turns in them until closed."""
        while not self._done():
            try:
                await self._open()
                await self._turns()
                continue
            except (Fenced, StoreReset) as error:
                self._log.warn(_NOT_VALID, name=self._name, error=repr(error))
                continue
            except (StoreAway, LinkLost):
                pass
            except CancelledError:
                self._stop()
                raise
            except Exception:  # a mistake of ours, or of Redis': what is held is offered to another session
                self._log.failure("session {name} failed", name=self._name)
            await self._sender.pause()
        self._stop()
        if self._name:
            await self._leave()
            await self._untold.told()

    async def _open(self) -> None:
        """Open a session in place of the last one, and go on with those of its jobs that no other worker has."""
        self._stale = False
        self._emitting.closed()
        self._arrivals.handed.closed()
        name = f"{self._store.inbox}.{self._opened + 1}"
        claims = [*(claim for claim, _ in self._held.values()), *self._untold.claims()]
        taken = await self._store.adopt(self._name, name, 1, self._roster, claims)
        self._name, self._opened = name, self._opened + 1
        self._arrivals.handed.opened(1)
        for claim in claims:
            if claim.id in taken:
                self._held[claim.id] = (claim, 1)
            else:
                self._held.pop(claim.id, None)
                self._runner.drop(claim.id)
                self._checkpoints.forget(claim.id)
        self._checkpoints.again()
        self._emitting.opened(name)
        self._ends = [end for end in self._ends if end.id in self._held] + self._untold.again(taken)

    async def _leave(self) -> None:
        try:
            await self._store.leave(self._name)
        except RelayError as error:
            self._log.warn(_NOT_CLOSED, name=self._name, error=repr(error))

    async def _turns(self) -> None:
        number, rests = 1, self._rests
        while not self._done() and not self._stale:
            number += 1
            sent = self._clock.seconds()
            turning = Deferred.fromCoroutine(self._turn(number))
            self._arrivals.begin_some()  # while the store is at work
            turned = await turning
            self._arrivals.take(turned.claims, number, sent)
            self._arrivals.begin_some()
            if not self._nudged and not self._arrivals.claimed and not (turned.more and self._room() > 0):
                is_idle = rests.slot >= 0 and not self._held
                rest = rests.until(self._clock.seconds()) if is_idle else rests.holding
                await self._nap.sleep(rest if turned.due < 0 else min(rest, turned.due + 0.001))
                self._arrivals.begin_some()  # of what it was handed: what ends at once is told by the next turn

    def _room(self) -> int:
        return max(0, self._runner.room() - len(self._arrivals.claimed))

    async def _turn(self, number: int) -> Turned:
        ready, later = self._emitting.split(self._ends) if self._emitting.unsent else (self._ends, [])
        ends = next(portions(ready, self._size, MOST_ENDS), [])
        ready = ready[len(ends) :]
        self._ends = ready + later
        progress = self._progress.take(MOST_ENDS)
        checkpoints = self._checkpoints.take(end.id for end in ends) if self._checkpoints.last else []
        left_behind = self._checkpoints.last and self._checkpoints.left()
        self._nudged = bool(ready or self._progress or left_behind)
        said = tuple([(end, self._held[end.id][1]) for end in ends])
        want = 0 if self._closing else self._room()
        left = tuple([(id, self._held[id][1], words) for id, words in checkpoints])
        heard = self._arrivals.handed.sent(number)
        turn = Turn(number, want, said, progress, len(self._held) - len(ends), left, heard=heard)
        try:
            turned = await self._sender.send(self._name, turn)
        except Exception:
            self._ends = ends + self._ends
            raise
        if checkpoints:
            self._checkpoints.told()
        for end in ends:
            claim, _ = self._held.pop(end.id)
            if claim.job.durable:
                self._untold.add(claim, end)
            if end.id in self._checkpoints.last:
                self._checkpoints.forget(end.id)
        for id in turned.refused:
            self._log.warn("the outcome of job {id} was refused: this worker no longer holds the job", id=id)
        return turned

    def _size(self, end: Report) -> int:
        """Bytes that a script reads and writes for this end."""
        left = self._checkpoints.size(end.id) if self._checkpoints.last else 0
        return len(end.payload) + len(self._held[end.id][0].job.arguments) + left

    def _done(self) -> bool:
        return self._closing and not self._ends

    def _stop(self) -> None:
        self._emitting.stop()
        self._nap.stop()
