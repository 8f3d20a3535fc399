"""Jobs that are suspected of killing their workers: run one at a time and alone, so that what dies with them is their
doing. In a session that holds nothing, and while there is none, in one that takes nothing new until it does."""

from __future__ import annotations

from relay.store.memory.dataset import DataSet
from relay.store.memory.lanes import Lanes
from relay.store.memory.record import LiveJob
from relay.store.memory.sessions import SUSPECT, MemorySession, Sessions, Trial
from relay.store.messages import Turn

ALONE = 60_000  # ms for which a session is alone with a suspect, or waits to be
REST = 600_000  # ms for which it then tries none


class Suspects:
    """Says which sessions take nothing beside a suspect."""

    def __init__(self, data: DataSet, sessions: Sessions, lanes: Lanes) -> None:
        self._data = data
        self._sessions = sessions
        self._lanes = lanes

    def tries(self, session: MemorySession, turn: Turn) -> bool:
        """Whether this session tries a suspect, or empties itself to. It tries none before its worker holds nothing."""
        now, trial, holds = self._data.now(), session.trial, turn.holds
        is_busy, is_alone = holds > 0 or turn.others > 0, alone(turn)
        if session.rests_until > now:
            return False
        if trial is not None and is_busy and now - trial.since > ALONE:
            session.trial, session.rests_until = None, now + REST
            return False
        if trial is not None and trial.is_alone and holds:
            return True
        is_late = is_busy and not trial and self._others_try(session)
        if turn.want < 1 or self.first(session) is None or is_late:
            session.trial = None
            return False
        if trial is None or trial.is_alone or is_alone:
            session.trial = Trial(is_alone=is_alone, since=now)
        return True

    def _others_try(self, session: MemorySession) -> bool:
        return any(other.trial and other is not session for other in self._sessions.all())

    def first(self, session: MemorySession) -> LiveJob | None:
        """The suspect that it would try. One whose deaths were found to be another's doing is none any more."""
        for live in self._data.waiting(suspected=True):
            if not self._sessions.begins(session, live.job.name):
                continue
            if len(self._sessions.deaths(live)) < SUSPECT:
                live.suspected = False
            elif self._lanes.may_go(live):
                return live
        return None


def alone(turn: Turn) -> bool:
    """Whether a suspect may begin: its worker holds nothing else, and keeps its other sessions from it."""
    return turn.holds == turn.others == 0
