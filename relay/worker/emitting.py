"""What jobs put out, on its way to the store: gathered for a hundredth of a second, and sent together, one call after
the other. Each job's pieces go in their order. What could not be stored is missing between those before and behind it,
which listeners are told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from relay.model.job import Claim
from relay.model.problems.job import EmittedTooFast, OutputNotKept
from relay.model.problems.request import StoreAway, StoreFull, StoreReset
from relay.redis.connection import LinkLost
from relay.store.messages import Fenced, Report
from relay.store.parts import SessionStore
from relay.store.pieces import MOST_READ, READ_BYTES, Emitted, LogsSpoilt
from relay.timing.backoff import Backoff
from relay.timing.quiet import Quiet
from relay.worker.emitter import EACH

GATHER = 0.01  # seconds
AGAIN = Backoff(0.05, limit=1.0)  # before a store is asked again that gave no answer, or has no memory
MOST_UNSENT = 4 << 20  # bytes of one job, with `EACH` for each piece
_SPOILT = "Redis refuses what job {id} puts out, because the keys of its log are not relay's: it is lost"
FULL = 10.0  # seconds that a piece waits for a store without memory


class Unsent(NamedTuple):
    """A piece that the store does not have, and who waits until it has; `since` is a time by the clock."""

    number: int
    said: str
    size: int
    since: float
    told: Deferred[None]


class Emitting:
    """Of one session. `held` has the jobs of the session, with the turns that claimed them. `fenced` is called when the
    store does not know the session any more, `nudge` when an end may be told that waited here."""

    _log = Logger()

    def __init__(
        self,
        clock: IReactorTime,
        store: SessionStore,
        held: Mapping[str, tuple[Claim, int]],
        fenced: Callable[[], None],
        nudge: Callable[[], None],
    ) -> None:
        #: by job, in their order
        self.unsent: dict[str, deque[Unsent]] = {}
        self._clock = clock
        self._store = store
        self._held = held
        self._fenced = fenced
        self._nudge = nudge
        self._sizes: dict[str, int] = {}  # bytes that are unsent of a job, with `EACH` for each piece
        self._ending: set[str] = set()  # jobs whose ends wait
        self._spoilt: set[str] = set()  # jobs of which nothing can be kept, as was said
        self._session = ""  # "" while none is open
        self._sending: Deferred[None] | None = None
        self._failures = 0  # in a row

    def add(self, id: str, number: int, said: str) -> Deferred[None]:
        """A job puts this out; fires when the store has it. Raises `EmittedTooFast`."""
        size = len(said.encode())
        after = self._sizes.get(id, 0) + size + EACH
        if after > MOST_UNSENT:
            raise EmittedTooFast(limit=MOST_UNSENT)
        told: Deferred[None] = Quiet()
        self._sizes[id] = after
        pieces = self.unsent.setdefault(id, deque())
        pieces.append(Unsent(number, said, size, self._clock.seconds(), told))
        self._begin()
        return told

    def split(self, ends: Sequence[Report]) -> tuple[list[Report], list[Report]]:
        """The ends that may be told, and those that wait until the store has what was put out before them."""
        self._ending = {end.id for end in ends if end.id in self.unsent}
        ready = [end for end in ends if end.id not in self._ending]
        return ready, [end for end in ends if end.id in self._ending]

    def opened(self, session: str) -> None:
        """A session is open, and holds what is `held`."""
        self._session = session
        for id in [id for id in self.unsent if id not in self._held]:
            self.forget(id)
        self._begin()

    def closed(self) -> None:
        """It is no longer."""
        self._session = ""

    def stop(self) -> None:
        """Nothing more is sent."""
        self._session = ""
        if self._sending is not None:
            self._sending.cancel()
        for id in list(self.unsent):
            self.forget(id)

    def forget(self, id: str) -> None:
        """A job is no longer held."""
        self._fail(id, CancelledError("another worker has the job"))

    # -- sending --

    def _begin(self) -> None:
        if self._sending is None and self._session and self.unsent:
            self._sending = Deferred.fromCoroutine(self._send_all())
            self._sending.addErrback(self._broken)

    def _broken(self, failure: Any) -> None:
        self._sending = None
        if not failure.check(CancelledError):
            self._log.failure("what jobs put out could not be sent", failure)

    async def _send_all(self) -> None:
        """Until nothing is left, or the session is over."""
        while self._session and self.unsent:
            await deferLater(self._clock, GATHER)
            if self._session and (rows := self._some()):
                await self._send(self._session, rows)
        self._sending = None

    async def _send(self, session: str, rows: list[Emitted]) -> None:
        try:
            refused = await self._store.emit(session, rows)
        except (Fenced, StoreReset):
            if session == self._session:
                self._session = ""
                self._fenced()
        except StoreFull as error:
            self._refuse(error)
            await self._pause()
        except (LinkLost, StoreAway):
            await self._pause()
        except LogsSpoilt as error:
            self._failures = 0
            self._sent([row for row in rows if row.id not in error.ids], error.refused)
            self._drop_spoilt(error.ids)
        else:
            self._failures = 0
            self._sent(rows, refused)

    async def _pause(self) -> None:
        self._failures += 1
        await deferLater(self._clock, AGAIN.pause(self._failures))

    def _some(self) -> list[Emitted]:
        """Of each job in turn, those first that have come first."""
        rows: list[Emitted] = []
        size = 0
        for id, pieces in self.unsent.items():
            turn = self._held[id][1] if id in self._held else 0
            for piece in pieces:
                size += piece.size
                if rows and (size > READ_BYTES or len(rows) >= MOST_READ):
                    return rows
                rows.append(Emitted(id, turn, piece.number, piece.said))
        return rows

    def _sent(self, rows: list[Emitted], refused: Sequence[str]) -> None:
        for row in rows:
            pieces = self.unsent.get(row.id)
            if row.id not in refused and pieces and pieces[0].number == row.number:
                self._drop(row.id, pieces)
        for id in refused:
            self.forget(id)
        last = rows[-1].id if rows else ""
        if last in self.unsent:  # it is the others' turn
            self.unsent[last] = self.unsent.pop(last)

    def _drop(self, id: str, pieces: deque[Unsent], error: Exception | None = None) -> None:
        """The first one is no longer to be sent."""
        piece = pieces.popleft()
        self._sizes[id] -= piece.size + EACH
        if not pieces:
            del self.unsent[id], self._sizes[id]
            if id in self._ending:
                self._ending.discard(id)
                self._nudge()
        if not piece.told.called:  # else it was cancelled with its handler
            piece.told.callback(None) if error is None else piece.told.errback(error)

    def _fail(self, id: str, error: Exception, until: float = float("inf")) -> None:
        """Those that came by then."""
        pieces = self.unsent.get(id, ())
        while pieces and pieces[0].since <= until:
            self._drop(id, pieces, error)

    def _drop_spoilt(self, ids: Sequence[str]) -> None:
        """What these jobs put out can't be kept; the other jobs, and their ends, go on."""
        for id in ids:
            if id not in self._spoilt:
                self._log.warn(_SPOILT, id=id)
            self._fail(id, OutputNotKept())
        self._spoilt = {id for id in (*self._spoilt, *ids) if id in self._held}

    def _refuse(self, error: StoreFull) -> None:
        """The store has no memory: those that have waited for it long enough are lost."""
        until = self._clock.seconds() - FULL
        for id, pieces in list(self.unsent.items()):
            if pieces[0].since <= until:
                self._log.warn("Redis has no memory for what job {id} puts out: some of it is lost", id=id)
                self._fail(id, error, until)
