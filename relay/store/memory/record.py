"""One job as the store in memory keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from relay.model.job import Claim, Job
from relay.model.problems.slugs import slug_of
from relay.model.state import TRANSITIONS, State
from relay.model.status import JobStatus, Outcome
from relay.store.memory.pieces import PieceLog
from relay.store.messages import MOST_PAST, DeadJob, PastAttempt

Place = tuple[int, int]  # in a line: minus the priority, and when it came


@dataclass(frozen=True, slots=True)
class Run:
    """Who holds a job: the fence. Only that session may end it, and only by the turn that had claimed it."""

    session: str
    turn: int
    started: int
    attempt: int


@dataclass(slots=True, eq=False)
class LiveJob:
    """A job that has not ended. Times are milliseconds, 0 for none."""

    id: str
    job: Job
    created: int
    deadline: int
    state: State = State.SCHEDULED
    due: int = 0  # of one that is scheduled
    place: Place = (0, 0)
    run: Run | None = None
    tries: int = 0  # attempts that have ended without an outcome
    uncounted: int = 0  # starts that used up no attempt
    deaths: list[str] = field(default_factory=list)  # the sessions that died while they ran it
    suspected: bool = False  # of killing its workers
    cancelled: bool = False  # while it runs
    waiting: list[str] = field(default_factory=list)  # inboxes that attached
    left: set[str] = field(default_factory=set)  # inboxes whose clients went away and want it cancelled
    listening: list[str] = field(default_factory=list)  # inboxes that hear of more than its end
    pieces: PieceLog = field(default_factory=PieceLog)
    progress: str = ""
    checkpoint: str = ""
    history: list[PastAttempt] = field(default_factory=list)  # that have ended without an outcome

    def attempt(self, how: str, problem: str, now: int) -> PastAttempt:
        """The present one, which ends so."""
        assert self.run is not None
        process = process_of(self.run.session)
        return PastAttempt(self.run.attempt, self.run.started, now, how, problem, process)

    def keep_attempt(self, how: str, problem: str, now: int) -> None:
        """The present one ends without an outcome."""
        self.history = [*self.history, self.attempt(how, problem, now)][-MOST_PAST:]

    def dead(self, now: int, cause: str, sessions: list[str], how: str, most_arguments: int) -> DeadJob:
        """As it is kept that failed for good now, when its present attempt ended so."""
        is_cut = len(self.job.arguments) > most_arguments
        job = msgspec.structs.replace(self.job, arguments="") if is_cut else self.job
        past = (*self.history, self.attempt(how, slug_of(cause), now))[-MOST_PAST:]
        return DeadJob(self.id, job, now, cause, tuple(sessions), is_cut, past, self.created)

    def move(self, state: State) -> None:
        """Go to another state, along `TRANSITIONS`."""
        if state is not self.state and state not in TRANSITIONS[self.state]:
            raise ValueError(f"job {self.id} can't go from {self.state} to {state}")
        self.state = state
        if state is not State.RUNNING:
            self.run = None

    @property
    def size(self) -> int:
        """Bytes that it takes, roughly."""
        return len(self.job.arguments) + len(self.checkpoint) + self.pieces.size

    @property
    def line(self) -> tuple[str, str]:
        """Where it waits: its name, and the lane of its limit."""
        return self.job.name, self.job.lane

    @property
    def inboxes(self) -> list[str]:
        """Those that are told how it ends."""
        return [*([self.job.inbox] if self.job.inbox else []), *self.waiting]

    @property
    def starts(self) -> int:
        """How often it was started."""
        return (self.run.attempt if self.run else self.tries) + self.uncounted

    def claim(self, run: Run) -> Claim:
        """As its worker is given it."""
        starts = run.attempt + self.uncounted
        times = self.created, self.deadline, run.started
        return Claim(self.id, self.job, run.attempt, *times, starts, self.checkpoint)

    def follower(self, arguments: str) -> Job:
        """The job that is given its outcome, as these arguments; it has one (`Job.then`)."""
        job, then = self.job, self.job.then
        assert then is not None
        return then.job(
            job.owner, arguments, trace=job.trace, caller=job.caller, fair=job.fair, notify=job.notify
        )

    def standing(self, position: int) -> JobStatus:
        """As its owner is shown it."""
        started, attempts = (self.run.started, self.run.attempt) if self.run else (0, self.tries)
        known = self.id, self.job.name, self.state, self.created
        return JobStatus(*known, started, attempts, position, self.progress, self.job.durable)


@dataclass(frozen=True, slots=True)
class EndedJob:
    """What is kept of a job that has ended."""

    owner: str
    outcome: Outcome
    process: str = ""  # that ran it last
    history: tuple[PastAttempt, ...] = ()  # before the last
    pieces: PieceLog = field(default_factory=PieceLog)


def following(id: str) -> str:
    """The id of the job that gets the outcome of another."""
    return f"{id}-then"


def process_of(session: str) -> str:
    """The process whose session this is."""
    return session.rpartition(".")[0]
