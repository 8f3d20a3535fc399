"""One turn of a session of the store in memory: what has ended, and what it is given next."""

from __future__ import annotations

import math
from collections.abc import Sequence

from relay.model.job import Claim
from relay.model.state import State
from relay.store.memory.dataset import DataSet
from relay.store.memory.lanes import Lanes
from relay.store.memory.record import LiveJob, Run
from relay.store.memory.sessions import SUSPECT, MemorySession, Sessions
from relay.store.memory.suspects import Suspects, alone
from relay.store.messages import Fenced, How, Report, Turn, Turned
from relay.store.pieces import Emitted, Piece

MOST_CLAIMS = 100  # of one turn
GOES_ON = (State.SCHEDULED, State.QUEUED)  # how an attempt ends that is not the last


class Turns:
    """Takes turns."""

    def __init__(self, data: DataSet, sessions: Sessions) -> None:
        self._data = data
        self._sessions = sessions
        self._ended: list[tuple[LiveJob, State, str]] = []  # by this turn, with their payloads
        self.lanes = Lanes(data)
        self._suspects = Suspects(data, sessions, self.lanes)

    def take(self, name: str, turn: Turn) -> Turned:
        """Raises `Fenced`. The same number again changes nothing and answers with the same claims."""
        turned = self._take(name, turn)
        self._data.news.tell()
        return turned

    def _take(self, name: str, turn: Turn) -> Turned:
        session = self._sessions.find(name)
        if session is None:
            raise Fenced("FENCED")
        self._sessions.renew(session)
        if turn.number < session.turn:
            raise Fenced("STALE")
        if turn.number == session.turn:
            return Turned(self._claims_again(session), [], True, -0.001, session.trial is not None)
        refused = self._hear(session, turn)
        self._data.pass_time()
        self._settle()
        if self._suspects.tries(session, turn):
            suspect = self._suspects.first(session) if alone(turn) else None
            claims = [self._begin(suspect, session, turn.number)] if suspect else []
            return self._answer(session, turn, refused, claims, is_alone=True)
        claims, left = self._claim(session, turn.number, min(turn.want, MOST_CLAIMS))
        return self._answer(session, turn, refused, claims, left)

    def _answer(
        self,
        session: MemorySession,
        turn: Turn,
        refused: list[str],
        claims: list[Claim],
        left: str = "",
        is_alone: bool = False,
    ) -> Turned:
        """`left` is the name of a job that was left for others: one of them is to look."""
        session.turn, session.claimed = turn.number, [claim.id for claim in claims]
        left = left or (self._first_open(session) if turn.passes else "")
        session.idle = 0 if left or is_alone else max(0, turn.want - len(claims))
        if left:
            self._sessions.wake(left, 1)
        return Turned(claims, refused, bool(left), self._due(), is_alone)

    def _first_open(self, session: MemorySession) -> str:
        """The name of a job that waits and that this session may have; "" for none."""
        names = (live.job.name for live in self._data.waiting())
        return next((name for name in names if self._sessions.begins(session, name)), "")

    def _claims_again(self, session: MemorySession) -> list[Claim]:
        """Less what has ended since."""
        held = {live.id: live for live in self._sessions.held(session.name)}
        found = [held[id] for id in session.claimed if id in held]
        return [live.claim(live.run) for live in found if live.run and live.run.turn == session.turn]

    # -- what has ended --

    def _hear(self, session: MemorySession, turn: Turn) -> list[str]:
        """The ids whose end is refused: others hold them."""
        for id, claimed, checkpoint in turn.checkpoints:
            live = self._held(session, id, claimed)
            if live is not None:
                live.checkpoint = checkpoint
        refused = [end.id for end, claimed in turn.ends if not self._end(session, end, claimed)]
        for id, said in turn.progress:
            live = self._data.jobs.get(id)
            if live is not None and live.run is not None and live.run.session == session.name:
                live.progress = said
                self._data.news.changed(live)
        return refused

    def emit(self, name: str, pieces: Sequence[Emitted]) -> list[str]:
        """Keep what jobs have put out; the ids of those that the session does not hold. Raises `Fenced`."""
        session = self._sessions.find(name)
        if session is None:
            raise Fenced("FENCED")
        refused, kept = set[str](), dict[str, list[Piece]]()
        for piece in pieces:
            live = self._held(session, piece.id, piece.turn)
            if live is None or live.run is None:
                refused.add(piece.id)
                continue
            new = Piece(live.starts, piece.number, live.run.attempt, piece.data)
            if live.pieces.add(new):
                kept.setdefault(piece.id, []).append(new)
        for id, some in kept.items():
            self._data.news.pieces(self._data.jobs[id], some)
        return sorted(refused)

    def _held(self, session: MemorySession, id: str, claimed: int) -> LiveJob | None:
        """The job, if this session holds it since that turn."""
        live = self._data.jobs.get(id)
        run = live.run if live else None
        return live if run is not None and (run.session, run.turn) == (session.name, claimed) else None

    def _end(self, session: MemorySession, end: Report, claimed: int) -> bool:
        live = self._held(session, end.id, claimed)
        if live is None or any(live is ended for ended, _, _ in self._ended):
            return False
        if end.state in GOES_ON and live.cancelled:
            self._ended.append((live, State.CANCELLED, ""))
        elif end.state in GOES_ON:
            self._put_back(live, end)
        else:
            if end.undone:
                self._data.release_key(live.job)
            if end.dead or (end.state is State.FAILED and live.job.attempts > 1):
                self._data.bury(live, end.payload, self._sessions.deaths(live), end.state)
            self._ended.append((live, end.state, end.payload))
        self.lanes.vacate(live)
        return True

    def _settle(self) -> None:
        """After time was let pass: a job that is given an outcome is begun by the next turn."""
        ended, self._ended = self._ended, []
        for live, state, payload in ended:
            self._data.settle(live, state, payload)

    def _put_back(self, live: LiveJob, end: Report) -> None:
        how = How.GIVEN_BACK if end.state is State.QUEUED else How.RETRIED
        live.keep_attempt(How.POSTPONED if end.uncounted else how, end.problem, self._data.now())
        if end.state is State.QUEUED or end.uncounted:
            live.uncounted += 1
        else:
            live.tries += 1
        if end.state is State.QUEUED and not end.uncounted:
            live.suspected = len(self._sessions.deaths(live)) >= SUSPECT
            self._data.queue_again(live)
        else:
            live.move(State.SCHEDULED)
            live.due = self._data.now() + end.delay
        self._data.news.changed(live)

    # -- what to do next --

    def _claim(self, session: MemorySession, number: int, want: int) -> tuple[list[Claim], str]:
        """A fair share of what waits, and the name of a job that is left for others; "" for none."""
        most = self._share(want)
        claims: list[Claim] = []
        shut: set[tuple[str, str]] = set()  # lines of which nothing may go now
        for live in self._data.waiting() if want > 0 else ():
            if live.line in shut or not self._sessions.begins(session, live.job.name):
                continue
            if not self.lanes.may_go(live):
                shut.add(live.line)
                continue
            if len(claims) >= most:
                return claims, live.job.name
            claims.append(self._begin(live, session, number))
        return claims, ""

    def _share(self, want: int) -> int:
        sessions = len(self._sessions.all())
        if want < 2 or sessions < 2:
            return want
        waiting = sum(live.state is State.QUEUED for live in self._data.jobs.values())
        return min(want, max(1, math.ceil(waiting / sessions)))

    def _begin(self, live: LiveJob, session: MemorySession, number: int) -> Claim:
        live.move(State.RUNNING)
        live.suspected = False
        live.run = Run(session.name, number, self._data.now(), live.tries + 1)
        self.lanes.goes(live)
        self._data.news.changed(live)
        return live.claim(live.run)

    def _due(self) -> float:
        """Seconds until something becomes due, below 0 for nothing in sight."""
        times = [time for time in (self._data.next_due(), self.lanes.next_open()) if time is not None]
        return max(0, min(times) - self._data.now()) / 1000 if times else -0.001
