"""One turn of a session of the store in memory: what has ended, and what it is given next."""

from __future__ import annotations

import math
from collections import Counter

from relay.model.state import Claim, State
from relay.store.memory.dataset import DataSet
from relay.store.memory.record import LiveJob, Run
from relay.store.memory.sessions import MemorySession, Sessions
from relay.store.messages import End, Fenced, Turn, Turned

MOST_CLAIMS = 100  # of one turn
FULL_LOOK = 1000  # ms until a lane in which as many run as may is looked at again
GOES_ON = (State.SCHEDULED, State.QUEUED)  # how an attempt ends that is not the last


class Turns:
    """Takes turns."""

    def __init__(self, data: DataSet, sessions: Sessions) -> None:
        self._data = data
        self._sessions = sessions
        self._ended: list[tuple[LiveJob, State, str]] = []  # by this turn, with their payloads
        self._shut: dict[
            tuple[str, str], int
        ] = {}  # lines whose limit lets nothing go, and when they are looked at

    def take(self, name: str, turn: Turn) -> Turned:
        """Raises `Fenced`. The same number again changes nothing and answers with the same claims."""
        session = self._sessions.find(name)
        if session is None:
            raise Fenced("FENCED")
        self._sessions.renew(session)
        if turn.number < session.turn:
            raise Fenced("STALE")
        if turn.number == session.turn:
            return Turned(self._claims_again(session), [], True, -0.001)
        refused = self._hear(session, turn)
        self._data.pass_time()
        self._settle()
        claims, name_left = self._claim(session, turn.number, min(turn.want, MOST_CLAIMS))
        session.turn, session.claimed = turn.number, [claim.id for claim in claims]
        session.idle = 0 if name_left else max(0, turn.want - len(claims))
        if name_left:
            self._sessions.wake(name_left, 1)
        return Turned(claims, refused, bool(name_left), self._due())

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
        return refused

    def _held(self, session: MemorySession, id: str, claimed: int) -> LiveJob | None:
        """The job, if this session holds it since that turn."""
        live = self._data.jobs.get(id)
        run = live.run if live else None
        return live if run is not None and (run.session, run.turn) == (session.name, claimed) else None

    def _end(self, session: MemorySession, end: End, claimed: int) -> bool:
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
                self._data.bury(live, end.payload, self._sessions.deaths(live))
            self._ended.append((live, end.state, end.payload))
        self._reopen(live)
        return True

    def _settle(self) -> None:
        """After time was let pass: a job that is given an outcome is begun by the next turn."""
        ended, self._ended = self._ended, []
        for live, state, payload in ended:
            self._data.settle(live, state, payload)

    def _put_back(self, live: LiveJob, end: End) -> None:
        if end.state is State.QUEUED or end.free:
            live.uncounted += 1
        else:
            live.tries += 1
        if end.state is State.QUEUED and not end.free:
            self._data.queue_again(live)
        else:
            live.move(State.SCHEDULED)
            live.due = self._data.now() + end.delay

    def _reopen(self, live: LiveJob) -> None:
        """It runs no more: the next of its lane may."""
        if live.job.lane and self._data.limits.most(live.job.lane):
            self._shut.pop(live.line, None)
            self._sessions.wake(live.job.name, 1)

    # -- what to do next --

    def _claim(self, session: MemorySession, number: int, want: int) -> tuple[list[Claim], str]:
        """A fair share of what waits, and the name of a job that is left for others; "" for none."""
        most = self._share(want)
        claims: list[Claim] = []
        running = Counter(live.job.lane for live in self._data.jobs.values() if live.run)
        for live in self._data.waiting() if want > 0 else ():
            if not self._sessions.serves(session, live.job.name) or not self._may_go(live, running):
                continue
            if len(claims) >= most:
                return claims, live.job.name
            claims.append(self._begin(live, session, number))
            running[live.job.lane] += 1
        return claims, ""

    def _share(self, want: int) -> int:
        sessions = len(self._sessions)
        if want < 2 or sessions < 2:
            return want
        return min(want, max(1, math.ceil(len(self._data.waiting()) / sessions)))

    def _may_go(self, live: LiveJob, running: Counter[str]) -> bool:
        lane, limits = live.job.lane, self._data.limits
        if not lane:
            return True
        room, at = limits.room(lane)
        most = limits.most(lane)
        is_full = bool(most) and running[lane] >= most
        if not is_full and (room < 0 or room >= 1):
            self._shut.pop(live.line, None)
            return True
        self._shut[live.line] = max(at, self._data.now() + FULL_LOOK) if most else at
        return False

    def _begin(self, live: LiveJob, session: MemorySession, number: int) -> Claim:
        live.move(State.RUNNING)
        live.run = Run(session.name, number, self._data.now(), live.tries + 1)
        if live.job.lane:
            self._data.limits.record(live.job.lane, 1)
        return live.claim(live.run)

    def _due(self) -> float:
        """Seconds until something becomes due, below 0 for nothing in sight."""
        lines = {live.line for live in self._data.waiting()}
        self._shut = {line: at for line, at in self._shut.items() if line in lines}
        times = list(self._shut.values())
        due = self._data.next_due()
        times += [] if due is None else [due]
        return max(0, min(times) - self._data.now()) / 1000 if times else -0.001
