"""A worker's dialogue with the store: numbered turns, one under way at a time.

What ends while a turn is under way is reported by the next one. A turn whose answer was lost is sent again under
its number, which the store answers as it did before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.errors import StoreAway, StoreReset
from relay.state import Claim
from relay.store.link import LinkLost
from relay.store.messages import End, Fenced, Turn, Turned
from relay.store.store import Store

IDLE = 1.0  # seconds between the turns of a worker that has nothing to say


class Session:
    """Takes turns until it is closed. `room` says how many more jobs are wanted, `take` gets each claim, `lost` is
    called when the store no longer knows the session, whose claims are then void."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: Store,
        lease: float,
        queues: Sequence[str],
        room: Callable[[], int],
        take: Callable[[Claim], None],
        lost: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._store = store
        self._lease = lease
        self._queues = queues
        self._room = room
        self._take = take
        self._lost = lost
        self._opened = 0
        self._ends: list[End] = []
        self._progress: dict[str, str] = {}
        self._nudged = False
        self._sleeping: Deferred[None] | None = None
        self._closing = False

    @property
    def name(self) -> str:
        return f"{self._store.inbox}.{self._opened}"

    # -- what the worker says --

    def report(self, end: End) -> None:
        """An attempt has ended."""
        self._ends.append(end)
        self.nudge()

    def progress(self, id: str, said: str) -> None:
        """How far a job is, as JSON; only the last word before a turn is sent."""
        self._progress[id] = said
        self.nudge()

    def nudge(self) -> None:
        """There is something to say, or to take: have a turn soon."""
        self._nudged = True
        if self._sleeping is not None and not self._sleeping.called:
            self._sleeping.callback(None)

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
            except (Fenced, StoreReset) as error:
                self._log.warn("session {name} is void: {error}", name=self.name, error=repr(error))
                self._forget()
            except (StoreAway, LinkLost):
                await self._sleep(IDLE)
        await self._store.leave(self.name, self._queues)

    async def _open(self) -> None:
        self._opened += 1
        await self._store.enroll(self.name, self._lease)

    async def _turns(self) -> None:
        number = 0
        while not self._done():
            number += 1
            turned = await self._turn(number)
            for claim in turned.claims:
                self._take(claim)
            if not self._nudged and not (turned.more and self._room() > 0):
                await self._sleep(IDLE if turned.due < 0 else min(IDLE, turned.due + 0.001))

    async def _turn(self, number: int) -> Turned:
        self._nudged = False
        ends, self._ends = tuple(self._ends), []
        progress, self._progress = tuple(self._progress.items()), {}
        turn = Turn(number, 0 if self._closing else max(0, self._room()), ends, progress)
        while True:
            try:
                turned = await self._store.turn(self.name, self._lease, self._queues, turn)
            except LinkLost:
                continue
            for id in turned.refused:
                self._log.warn("the end of job {id} was refused: it is no longer ours", id=id)
            return turned

    def _forget(self) -> None:
        self._ends, self._progress = [], {}
        self._lost()

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
