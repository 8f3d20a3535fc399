"""Jobs that are suspected of killing their workers: run one at a time and alone, so that what dies with them is their
doing. In a session that holds nothing, and while there is none, in one that takes nothing new until it does."""

from __future__ import annotations

from relay.store.memory.dataset import DataSet
from relay.store.memory.lanes import Lanes
from relay.store.memory.record import LiveJob
from relay.store.memory.sessions import SUSPECT, MemorySession, Sessions, Trial

ALONE = 60_000  # ms for which a session is alone with a suspect, or waits to be
REST = 600_000  # ms for which it then tries none


class Suspects:
    """Says which sessions take nothing beside a suspect."""

    def __init__(self, data: DataSet, sessions: Sessions, lanes: Lanes) -> None:
        self._data = data
        self._sessions = sessions
        self._lanes = lanes

    def tries(self, session: MemorySession, want: int, holds: int) -> bool:
        """Whether this session, which holds so many jobs, tries a suspect or empties itself to."""
        now, trial = self._data.now(), session.trial
        if session.rests_until > now:
            return False
        if trial is not None and holds and now - trial.since > ALONE:
            session.trial, session.rests_until = None, now + REST
            return False
        if trial is not None and trial.is_alone and holds:
            return True
        if want < 1 or self.first(session) is None or (holds and not trial and self._others_try(session)):
            session.trial = None
            return False
        if trial is None or trial.is_alone or not holds:
            session.trial = Trial(is_alone=not holds, since=now)
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
