"""One session's share in a worker that has several: its turns want no more than what it is lent, and what it claims is
begun if there is a place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec
from twisted.logger import Logger

from relay.model.job import Claim
from relay.model.state import State
from relay.store.messages import Report, Turn, Turned
from relay.store.parts import SessionStore
from relay.store.pieces import Emitted
from relay.store.roster import Roster
from relay.worker.claiming import ClaimRunner


class Claimer(Protocol):
    """The session."""

    @property
    def not_begun(self) -> int: ...

    def nudge(self) -> None: ...

    def report(self, end: Report) -> None: ...


class Lender(Protocol):
    """Who has the places of the worker (`relay.worker.lending.Lending`)."""

    def offer(self, share: Share) -> int:
        """How many places a share would be lent now."""

    def borrow(self, share: Share, want: int) -> int:
        """Lend so many of them for a turn that begins now, until it is `answered` or `unanswered`."""

    def answered(self, share: Share, lent: int, turned: Turned) -> None:
        """A turn was answered."""

    def unanswered(self, share: Share) -> None:
        """A turn was of no use: it is sent again, or the session is opened anew."""

    def opens(self, share: Share) -> None:
        """A session is being opened."""

    def is_here(self, share: Share) -> None:
        """A partition has answered."""

    def others(self, share: Share) -> int:
        """`Turn.others`, for a turn of this share."""

    def ended(self, share: Share) -> None:
        """A job of a share has ended."""


class Share(SessionStore):
    """Stands between a session and its store (as a `SessionStore`), and between a session and its worker (as a
    `ClaimRunner`)."""

    _log = Logger()
    session: Claimer

    def __init__(self, lender: Lender, part: SessionStore, runner: ClaimRunner) -> None:
        self.inbox = part.inbox
        self.lent = 0  #: places that are lent, or taken by what comes with an answer
        self.since: float | None = None  #: by the clock, when the turn that is under way was sent
        self.is_here = False  #: its partition answers, and knows the session
        self.is_opening = False  #: the partition was told of the session, and has not answered yet
        self.is_eager = True  #: it may find work: the store does not wake it
        self.served = 0  #: it was lent places before those with a higher number
        self.may_begin = True  #: what came with the last answer
        self.begun: set[str] = set()  #: the jobs that run
        self._lender = lender
        self._part = part
        self._runner = runner
        self._was_woken = False

    def wake(self) -> None:
        """There is work."""
        self.is_eager = self._was_woken = True
        self.session.nudge()

    def waits(self) -> bool:
        """Whether it would take a turn for a place."""
        return self.is_here and self.is_eager and self.since is None

    @property
    def is_late(self) -> bool:
        """Whether it has been waiting for an answer so long that the others do not wait for it."""
        return not (self.is_here or self.is_opening)

    # -- as the store --

    async def adopt(
        self, old: str, session: str, number: int, roster: Roster, claims: Sequence[Claim]
    ) -> set[str]:
        """As `SessionStore.adopt`."""
        self._lender.opens(self)
        try:
            taken = await self._part.adopt(old, session, number, roster, claims)
        except BaseException:
            self._lender.unanswered(self)
            raise
        self._lender.is_here(self)
        self.is_eager = True
        return taken

    async def turn(self, session: str, turn: Turn) -> Turned:
        """As `SessionStore.turn`. A turn that is sent again is lent places again."""
        lent = self._lender.borrow(self, turn.want)
        woken, self._was_woken = self._was_woken, False
        others, passes = self._lender.others(self), woken and not lent
        turn = msgspec.structs.replace(turn, want=lent, others=others, passes=passes, heard=-1)
        try:
            turned = await self._part.turn(session, turn)
        except BaseException:
            self._lender.unanswered(self)
            raise
        self._lender.answered(self, lent, turned)
        return turned

    async def emit(self, session: str, pieces: Sequence[Emitted]) -> list[str]:
        """As `SessionStore.emit`."""
        return await self._part.emit(session, pieces)

    async def announce(self, ids: Sequence[str]) -> None:
        """As `SessionStore.announce`."""
        await self._part.announce(ids)

    async def leave(self, session: str) -> list[str]:
        """As `SessionStore.leave`."""
        return await self._part.leave(session)

    # -- as the worker --

    def room(self) -> int:
        """How many more jobs this session may have: it takes those off itself that it has not begun."""
        return self._lender.offer(self) + self.session.not_begun

    def take(self, claim: Claim, since: float) -> None:
        """Run a job, or give it back if its place was lent to another session meanwhile."""
        if not self.may_begin or self._runner.room() < 1:
            self._log.info("job {id} is given back: there is no place for it any more", id=claim.id)
            self.session.report(Report(claim.id, State.QUEUED))
            return
        self.begun.add(claim.id)
        self._runner.take(claim, since)

    def drop(self, id: str) -> None:
        """Another worker has this job."""
        self._over(id)
        self._runner.drop(id)

    # -- as what hears of the attempts' ends --

    def report(self, end: Report) -> None:
        """An attempt has ended."""
        self._over(end.id)
        self.session.report(end)

    def _over(self, id: str) -> None:
        self.begun.discard(id)
        self._lender.ended(self)
