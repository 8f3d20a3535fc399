"""The values that roles and store exchange; `relay.store.codec` writes and reads them."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from relay.model.job import Claim, Job, JobTemplate
from relay.model.limits import NO_RATE, Rate
from relay.model.problems.registry import ProblemType
from relay.model.schedule import Schedule
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.declared import JobDescription
from relay.store.declared import UniqueDefinition as UniqueDefinition


class Submission(msgspec.Struct, frozen=True, gc=False):
    """A job to be added. Times are milliseconds from now, 0 for none.

    `caller` is under what the allowance of who submits it is counted, "" where nothing is. `queued` holds
    for a job that names its caller (`Job.caller`), which is the same.
    """

    id: str
    job: Job
    delay: int = 0
    deadline: int = 0
    caller: str = ""
    rate: Rate = NO_RATE
    queued: int = 0  # how many jobs of the caller may live at once, 0 for any number
    debounce: int = 0  # how long it is held back, for the next one with its `Job.unique` to take its place

    def accepted(self) -> Submission:
        """The same once it was accepted: sent again it is counted, and no limit of its caller refuses it."""
        return msgspec.structs.replace(self, rate=NO_RATE, queued=0)


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """A submission was accepted: as a new job, or as the one that its key already stands for."""

    id: str
    now: int
    new: bool
    outcome: Outcome | None = None


#: how an attempt ended whose job goes on
_GOES_ON = {State.SCHEDULED: "retried", State.QUEUED: "given back"}


class Report(msgspec.Struct, frozen=True, gc=False):
    """How one attempt ended: an outcome's state, or `SCHEDULED` (try again) or `QUEUED` (given back)."""

    id: str
    state: State
    payload: str = ""
    delay: int = 0  # milliseconds until the next attempt
    uncounted: bool = False  # this one does not count
    dead: bool = False  # it failed for good, and is kept as a dead job
    undone: bool = False  # it failed, and its key is as if it had not been used: another attempt may succeed
    problem: str = ""  # slug of what the attempt failed with, also where it is tried again

    @property
    def how(self) -> str:
        """How the attempt ended, as `relay.telemetry.events.Events.ended` tells it."""
        if self.dead:
            return "dead"
        if self.undone:
            return "undone"
        if self.uncounted and self.state is State.SCHEDULED:
            return "postponed"
        return _GOES_ON.get(self.state, self.state)


class Turn(msgspec.Struct, frozen=True):
    """A worker's turn: what has ended (and which turn had claimed it: with the session, the fence), how far jobs are
    (id, JSON), how many more are wanted, what jobs left to go on from (id, turn that claimed it, JSON). `passes`: the
    session was woken while it had no place, so that another is to look at what waits. `heard`: of how many jobs it
    knows that the store has handed to it since its last turn; -1: it takes none that are handed."""

    number: int
    want: int
    ends: tuple[tuple[Report, int], ...] = ()
    progress: tuple[tuple[str, str], ...] = ()
    holds: int = 0  # jobs beyond those that end here
    checkpoints: tuple[tuple[str, int, str], ...] = ()
    others: int = 0  # jobs of the worker in other sessions, -1: none, but others may be about to claim some
    passes: bool = False
    heard: int = -1


class Turned(msgspec.Struct, frozen=True):
    """The answer to a turn."""

    claims: list[Claim]
    refused: list[str]  # ids whose end was not taken: another holds them, or has ended them
    more: bool  # there is work left
    due: float  # seconds until something becomes due, below 0 for nothing in sight
    alone: bool = False  # it takes nothing beside a job under which workers died, or to try one


class How(StrEnum):
    """How an attempt ended that was not the last one of its job."""

    RETRIED = "retried"
    POSTPONED = "postponed"
    GIVEN_BACK = "given back"
    DIED = "died"  # its worker did


MOST_PAST = 20  # attempts of a job that are kept, the last ones


class PastAttempt(msgspec.Struct, frozen=True, array_like=True):
    """An attempt that has ended; the order of the fields is a format. Times are milliseconds. `how`: a `How`, or an
    outcome's state · `problem`: the slug of what it failed with, "" for none · `process`: that ran it. Starts that used
    up no attempt have the number of the one that comes after them."""

    number: int
    started: int
    ended: int
    how: str
    problem: str = ""
    process: str = ""


class Why(StrEnum):
    """Why a job waits, in an operator's words; of several reasons the one that counts first."""

    DELAYED = "its time has not come"
    PAUSED = "paused"
    UNSERVED = "no worker serves it"
    SUSPECTED = "suspected"
    LIMITED = "behind a limit"
    FULL = "every place is taken"
    UNTOLD = "it has ended, which is not durable yet"


class DeadJob(msgspec.Struct, frozen=True):
    """A dead job: a job that failed for good, with the time (ms), its problem (JSON, or a slug of relay's), and the
    sessions of workers that died under it. Its arguments may have been too large to keep (`cut`). `history`: its last
    attempts, oldest first."""

    id: str
    job: Job
    died: int
    cause: str
    sessions: tuple[str, ...]
    cut: bool
    history: tuple[PastAttempt, ...] = ()
    created: int = 0

    def revived(self) -> Job:
        """The job that does the same again, with nobody waiting, and nobody whose end is its own."""
        return msgspec.structs.replace(self.job, key="", fingerprint="", inbox="", parent="")


class GivenBack(msgspec.Struct, frozen=True):
    """A job that the closed session of a dead worker held, and that goes back, or ended with it."""

    session: str
    id: str
    name: str


class Sweep(msgspec.Struct, frozen=True):
    """What a sweep found: whether the caller's inbox was there, the catalogue's version, and what was given back of
    workers whose leases had ended."""

    there: bool
    version: int
    given_back: list[GivenBack]


class Fenced(Exception):
    """The session is no longer known: what it held may be another's by now."""


class LimitDefinition(msgspec.Struct, frozen=True):
    """The limit of a job: its name, its rate (a window of 0 seconds: only what is learned), the argument whose values
    are counted apart ("" for none), and how many may run at once (0 for any number)."""

    name: str
    calls: int
    window: float
    per: str
    most: int = 0

    def lane(self, value: str = "") -> str:
        """The lane of a job that it limits; `value` is a digest of what is counted apart, "" for nothing."""
        return f"@{self.name} {value}" if value else f"@{self.name}"


class JobDefinition(JobDescription, frozen=True):
    """A job as its worker published it."""

    name: str
    queue: str
    priority: int
    attempts: int
    once: bool
    limit: LimitDefinition | None
    then: JobTemplate | None
    schema: dict[str, Any]
    internal: bool = False  # not for clients
    local: bool = False  # for clients of this machine only
    problems: tuple[ProblemType, ...] = ()  # that its handler declares
    unique: UniqueDefinition | None = None  # others that ask for the same join it
    schedule: Schedule | None = None  # when it is fired
    durable: bool = False

    def template(self) -> JobTemplate:
        """How it is queued and run, the lane of a limited one aside."""
        how = self.priority, self.attempts, self.once
        return JobTemplate(self.name, self.queue, *how, durable=self.durable)


class Definitions(msgspec.Struct, frozen=True):
    """The jobs that are or were served: each as its worker declared it (the JSON of a `JobDefinition`, or whatever else
    was written there), and with how many seconds ago the last promise to serve it ran out."""

    version: int
    declared: dict[str, bytes]
    overdue: dict[str, float]
