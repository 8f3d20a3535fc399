"""A worker's dialogue with the store: numbered turns, one under way at a time.

What ends while a turn is under way is reported by the next one. A turn whose answer was lost is sent again under
its number, which the store answers as it did before. A worker whose session the store no longer knows, or that
resyncs because the store may have lost data, opens another and offers what it holds: what it runs, and what has
ended without being said.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import msgspec
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from relay.model.problems.request import JobFailed, RelayError, ResultTooLarge, StoreAway, StoreReset
from relay.model.state import Claim, State
from relay.redis.connection import LinkLost
from relay.store.messages import End, Fenced, Turn, Turned
from relay.store.portions import MOST_ENDS, portions
from relay.store.roster import Roster
from relay.store.workers import WorkerStore
from relay.timing.backoff import Backoff
from relay.worker.checkpoints import Checkpoints
from relay.worker.progress import LastWords

AGAIN = Backoff(0.1, limit=1.0)  # before a store that was away is asked again
IDLE = 1.0  # seconds between the turns of a worker that has nothing to say, at most
MOST_LOST = 5  # connections that break in a row under one turn, before it is made smaller
LARGE = 64 << 10  # bytes of an end that may be why
SOME = 32  # jobs that are begun before the next turn


class Hands(Protocol):
    """Whoever runs the jobs that a session takes."""

    def room(self) -> int:
        """How many more jobs are wanted."""

    def take(self, claim: Claim, since: float) -> None:
        """Run this job, and `report` its end; `since` when, by the clock, it may have been claimed."""

    def drop(self, id: str) -> None:
        """Another has this job: stop it, its end is of no use."""


class Session:
    """Takes turns until it is closed."""

    _log = Logger()

    def __init__(
        self, clock: IReactorTime, store: WorkerStore, roster: Roster, hands: Hands, idle: float = IDLE
    ) -> None:
        self._clock = clock
        self._idle = idle
        self._store = store
        self._roster = roster
        self._hands = hands
        self._name = ""
        self._opened = 0
        self._held: dict[str, tuple[Claim, int]] = {}  # with the turn that claimed it
        self._claimed: deque[tuple[Claim, float]] = deque()  # those that were not begun yet, and since when
        self._ends: list[End] = []
        self._progress = LastWords(clock, self.nudge)
        self._checkpoints = Checkpoints()
        self._nudged = False
        self._stale = False
        self._closing = False
        self._failures = 0  # in a row
        self._alone = False  # with a job that is suspected
        self._sleeping: Deferred[None] | None = None

    def __repr__(self) -> str:
        counts = f"holds {len(self._held)} jobs, {len(self._claimed)} of them not begun, {len(self._ends)} ends to tell"
        return f"<{type(self).__name__} {self._name or 'not opened'}, {counts}>"

    @property
    def name(self) -> str:
        """The name of the present session; "" before the first was opened."""
        return self._name

    # -- what the worker says --

    def report(self, end: End) -> None:
        """An attempt has ended."""
        self._ends.append(end)
        if end.state.complete and self._checkpoints.last:
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

    def nudge(self) -> None:
        """There is something to say, or to take: have a turn soon."""
        self._nudged = True
        if self._sleeping is not None and not self._sleeping.called:
            self._sleeping.callback(None)

    def resync(self) -> None:
        """The store may have forgotten this session: open another and offer what this one holds."""
        self._stale = True
        self.nudge()

    def close(self) -> None:
        """End the dialogue once everything was said."""
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
                self._log.warn(
                    "session {name} is no longer valid ({error}); another one is opened",
                    name=self._name,
                    error=repr(error),
                )
                continue
            except (StoreAway, LinkLost):
                pass
            except CancelledError:
                raise
            except Exception:  # a mistake of ours, or of Redis': what is held is offered to another session
                self._log.failure("session {name} broke off", name=self._name)
            await self._pause()
        if self._name:
            await self._leave()

    async def _pause(self) -> None:
        """Before Redis is asked again: longer with each failure in a row, whatever there is to say meanwhile."""
        self._failures += 1
        await deferLater(self._clock, AGAIN.pause(self._failures))

    async def _open(self) -> None:
        """Open a session in place of the last, and go on with what of its jobs nobody else has."""
        self._stale = False
        name = f"{self._store.inbox}.{self._opened + 1}"
        claims = [claim for claim, _ in self._held.values()]
        taken = await self._store.adopt(self._name, name, 1, self._roster, claims)
        self._name, self._opened = name, self._opened + 1
        for claim in claims:
            if claim.id in taken:
                self._held[claim.id] = (claim, 1)
            else:
                del self._held[claim.id]
                self._hands.drop(claim.id)
                self._checkpoints.forget(claim.id)
        self._checkpoints.again()
        self._ends = [end for end in self._ends if end.id in self._held]

    async def _leave(self) -> None:
        try:
            await self._store.leave(self._name)
        except RelayError as error:
            self._log.warn("session {name} is left to its lease: {error}", name=self._name, error=repr(error))

    async def _turns(self) -> None:
        number = 1
        while not self._done() and not self._stale:
            number += 1
            sent = self._clock.seconds()
            turning = Deferred.fromCoroutine(self._turn(number))
            self._begin_some()  # while the store is at work
            turned = await turning
            for claim in turned.claims:
                self._held[claim.id] = (claim, number)
                if claim.checkpoint:
                    self._checkpoints.keep(claim.id, claim.checkpoint)
                self._claimed.append((claim, sent))
            self._begin_some()
            if not self._nudged and not self._claimed and not (turned.more and self._room() > 0):
                await self._sleep(self._idle if turned.due < 0 else min(self._idle, turned.due + 0.001))

    def _begin_some(self) -> None:
        """Begin what was claimed, a few at a time: what ends at once is told while the others are begun."""
        for _ in range(min(SOME, len(self._claimed))):
            claim, since = self._claimed.popleft()
            held, _ = self._held.get(claim.id, (None, 0))
            if held is claim:  # and was not lost on the way, or lost and claimed again
                self._begin(claim, since)

    def _begin(self, claim: Claim, since: float) -> None:
        try:
            self._hands.take(claim, since)
        except Exception:
            self._log.failure("job {id} could not be begun", id=claim.id)
            self.report(End(claim.id, State.FAILED, JobFailed.slug))

    def _room(self) -> int:
        return max(0, self._hands.room() - len(self._claimed))

    async def _turn(self, number: int) -> Turned:
        ends = next(portions(self._ends, self._size, MOST_ENDS), [])
        self._ends = self._ends[len(ends) :]
        progress = self._progress.take(MOST_ENDS)
        checkpoints = self._checkpoints.take(end.id for end in ends) if self._checkpoints.last else []
        self._nudged = bool(self._ends or self._progress)
        if self._checkpoints.last:
            self._nudged = self._nudged or self._checkpoints.left()
        said = tuple((end, self._held[end.id][1]) for end in ends)
        want = 0 if self._closing else self._room()
        left = tuple([(id, self._held[id][1], words) for id, words in checkpoints])
        turn = Turn(number, want, said, progress, len(self._held) - len(ends), left)
        try:
            turned = await self._answer(turn)
        except Exception:
            self._ends = ends + self._ends
            raise
        self._say_if_alone(turned.alone)
        if checkpoints:
            self._checkpoints.told()
        for end in ends:
            del self._held[end.id]
            if end.id in self._checkpoints.last:
                self._checkpoints.forget(end.id)
        for id in turned.refused:
            self._log.warn("the outcome of job {id} was refused: this worker no longer holds the job", id=id)
        return turned

    def _size(self, end: End) -> int:
        """What a script has to read and write for an end."""
        left = self._checkpoints.size(end.id) if self._checkpoints.last else 0
        return len(end.payload) + len(self._held[end.id][0].job.arguments) + left

    async def _answer(self, turn: Turn) -> Turned:
        lost = 0  # in a row
        while True:
            try:
                turned = await self._store.turn(self._name, turn)
                self._failures = 0
                return turned
            except LinkLost:
                lost += 1
                if lost >= MOST_LOST:
                    turn, lost = self._without_the_largest(turn), 0
                    await self._pause()
            except StoreAway:  # it was not carried out
                await self._pause()

    def _say_if_alone(self, alone: bool) -> None:
        if alone and not self._alone:
            self._log.warn(
                "session {name} takes no other jobs for now. Workers died while they ran one of its jobs, so that job "
                "runs alone to see whether it is to blame",
                name=self._name,
            )
        self._alone = alone

    def _without_the_largest(self, turn: Turn) -> Turn:
        """A turn whose connection breaks each time may be too large for what stands before Redis, and would stop all
        jobs of this worker: its largest end, if it is large, is told without what it carries."""
        largest = max((end for end, _ in turn.ends), key=lambda end: len(end.payload), default=None)
        if largest is None or len(largest.payload) < LARGE:
            return turn
        self._log.error(
            "Redis closes the connection whenever the outcome of job {id} is sent ({size} bytes). "
            "The outcome is sent without its content",
            id=largest.id,
            size=len(largest.payload),
        )
        small = End(largest.id, State.FAILED, ResultTooLarge.slug)
        ends = tuple((small if end is largest else end, number) for end, number in turn.ends)
        return msgspec.structs.replace(turn, ends=ends)

    def _done(self) -> bool:
        return self._closing and not self._ends

    async def _sleep(self, seconds: float) -> None:
        self._sleeping = Deferred()
        try:
            await self._sleeping.addTimeout(seconds, self._clock)
        except TimeoutError:
            pass
        finally:
            self._sleeping = None
