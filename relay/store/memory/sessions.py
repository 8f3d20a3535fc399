"""Sessions of the store in memory: what each holds, and what becomes of that when it ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from relay.model.job import Claim
from relay.model.state import State
from relay.store.mail import MailKind
from relay.store.memory.dataset import DataSet
from relay.store.memory.record import LiveJob, Run, process_of
from relay.store.messages import GivenBack, How
from relay.store.roster import Roster

SUSPECT, MOST_DEATHS = 3, 5  # of workers under a job, until it runs alone, and until it is a dead job


@dataclass(frozen=True, slots=True)
class Trial:
    """A session takes nothing beside a suspected job (`is_alone`), or until it holds nothing and can try one."""

    is_alone: bool
    since: int  # ms


@dataclass(slots=True)
class MemorySession:
    """One that is open. Times are milliseconds."""

    name: str
    expires: int  # when its lease ends
    marks: dict[str, str]  # of the declarations that it serves, by name
    turn: int  # the last number
    claimed: list[str] = field(default_factory=list)  # by that turn
    idle: int = 0  # jobs that it wanted and did not get
    trial: Trial | None = None
    rests_until: int = 0  # when it may try a suspect again


class Sessions:
    """Those that are open. Closing one gives back what it holds."""

    def __init__(self, data: DataSet) -> None:
        self._data = data
        self._open: dict[str, MemorySession] = {}
        self._blame: dict[str, str] = {}  # the job that is guilty of a session's death
        self._swept = 0
        self._quiet = 0  # until when nobody is reaped by its lease
        data.wake = self.wake

    def all(self) -> list[MemorySession]:
        return list(self._open.values())

    def find(self, name: str) -> MemorySession | None:
        return self._open.get(name)

    def renew(self, session: MemorySession) -> None:
        """Its lease begins again."""
        session.expires = self._data.now() + int(self._data.terms.lease * 1000)

    def serves(self, session: MemorySession, name: str) -> bool:
        """Whether it gets jobs of this name: its declaration is the one that counts."""
        mark = session.marks.get(name)
        return mark is not None and self._data.served.counts(name, mark)

    def begins(self, session: MemorySession, name: str) -> bool:
        """The same, less the names of which nothing begins."""
        return self.serves(session, name) and not self._data.stopped.since(name)

    def held(self, name: str) -> list[LiveJob]:
        """What a session runs."""
        found = (live for live in self._data.jobs.values() if live.run and live.run.session == name)
        return sorted(found, key=lambda live: live.id)

    def wake(self, name: str, most: int) -> None:
        """There is work of this name: tell sessions that found too little."""
        for session in self._open.values():
            if most > 0 and session.idle and self.serves(session, name):
                session.idle = 0
                most -= 1
                self._data.post.send(process_of(session.name), MailKind.WAKE, "-")

    # -- opening --

    def open(self, old: str, name: str, number: int, roster: Roster, claims: list[Claim]) -> set[str]:
        """Open one in place of another: the ids of those claims that it goes on with."""
        marks = {job: mark for job, mark, _ in roster}
        session = self._open[name] = MemorySession(name, 0, marks, number)
        self.renew(session)
        if old in self._open:
            session.trial = self._open[old].trial
        run = {claim.id: Run(name, number, claim.started, claim.attempt) for claim in claims}
        taken = {claim.id for claim in claims if self._adopt(claim, old, run[claim.id])}
        if old != name:
            self.close(old, crashed=False)
        self._data.news.tell()
        return taken

    def _adopt(self, claim: Claim, old: str, run: Run) -> bool:
        live = self._data.jobs.get(claim.id)
        forgiven = live is not None and self._forgive(live, old)
        if live is None and self._data.ended(claim.id) is not None:
            return False
        if live is not None and live.run is not None and live.run.session not in (old, run.session):
            return False
        if live is None:  # it was forgotten
            live = LiveJob(claim.id, claim.job, claim.created, claim.deadline, due=1)
            live.tries, live.uncounted = claim.attempt - 1, claim.starts - claim.attempt
            live.place = self._data.next_place(claim.job)
            self._data.add(live)
            self._data.ones.restore(live.id, live.job)
        elif live.state is State.SCHEDULED:
            live.place = self._data.next_place(claim.job)
        live.tries -= forgiven
        live.due, live.state, live.run, live.suspected = 0, State.RUNNING, run, False
        if live.cancelled:
            self._data.post.send(process_of(run.session), MailKind.CANCEL, live.id)
        self._data.news.changed(live)
        return True

    def _forgive(self, live: LiveJob, session: str) -> bool:
        """The session is alive: take its death back, unless the job stopped it for good."""
        if self._blame.get(session) == live.id or session not in live.deaths:
            return False
        live.deaths.remove(session)
        if live.history and live.history[-1].how == How.DIED:
            live.history.pop()
        return True

    # -- closing --

    def close(self, name: str, crashed: bool) -> list[GivenBack]:
        """What it held goes back, or ends."""
        if self._open.pop(name, None) is None:
            return []
        held = self.held(name)
        for live in held:
            self._give_back(live, name, crashed)
            self._data.news.changed(live)
        self._data.news.tell()
        return [GivenBack(name, live.id, live.job.name) for live in held]

    def reap(self, process: str) -> list[GivenBack]:
        """A process has died."""
        mine = [name for name in self._open if process_of(name) == process]
        return [job for name in mine for job in self.close(name, crashed=True)]

    def reap_late(self) -> list[GivenBack]:
        """Those whose leases have ended. After a time without sweeps, which was not the workers' doing, nobody for one
        lease."""
        now = self._data.now()
        if now - self._swept > 2000:
            self._quiet = now + int(self._data.terms.lease * 1000)
        self._swept = now
        if now <= self._quiet:
            return []
        late = [session.name for session in self._open.values() if session.expires <= now]
        return [job for name in late for job in self.close(name, crashed=True)]

    def _give_back(self, live: LiveJob, session: str, crashed: bool) -> None:
        if live.cancelled:
            self._data.settle(live, State.CANCELLED)
        elif not crashed:
            live.keep_attempt(How.GIVEN_BACK, "", self._data.now())
            live.uncounted += 1
            self._data.queue_again(live)
        elif live.job.once and not live.checkpoint:
            self._data.settle(live, State.FAILED, "interrupted")
        else:
            self._count_death(live, session)

    def _count_death(self, live: LiveJob, session: str) -> None:
        """The attempt counts, unless another job is to blame."""
        if self._blame.get(session, live.id) != live.id:
            live.keep_attempt(How.DIED, "", self._data.now())
            live.uncounted += 1
            self._data.queue_again(live)
            return
        live.tries += 1
        live.deaths.append(session)
        deaths = self.deaths(live)
        if len(deaths) < MOST_DEATHS:
            live.keep_attempt(How.DIED, "", self._data.now())
            live.suspected = len(deaths) >= SUSPECT
            self._data.queue_again(live)
            return
        for death in deaths:
            self._blame.setdefault(death, live.id)
        self._data.bury(live, "worker-died", deaths, How.DIED)
        self._data.settle(live, State.FAILED, "worker-died")

    def deaths(self, live: LiveJob) -> list[str]:
        """Those that count for a job: no other is to blame."""
        return [session for session in live.deaths if self._blame.get(session, live.id) == live.id]
