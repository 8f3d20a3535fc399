"""A store in memory: the verbs of fronts. `test_front_verbs` holds it to what the real one does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from relay.model.job import Job
from relay.model.problems.request import KeyReused, NoSuchJob, QueueFull, StoreReset
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.batch import Hearer
from relay.store.messages import Definitions, JobDefinition, Receipt, Submission


class ScriptedFrontStore:
    """What the fronts of one store see of it. Jobs run and end when a test says so; times are those of the clock.

    `fails` is raised by each verb while it is set.
    """

    def __init__(self, clock: IReactorTime, inbox: str = "front", queue_limit: int = 1000) -> None:
        self.inbox = inbox
        self.epoch = "memory"
        self.fails: Exception | None = None
        self.collections: list[str] = []  # jobs whose outcomes were collected
        self._clock = clock
        self._queue_limit = queue_limit
        self._minted = 0
        self._jobs: dict[str, Job] = {}
        self._known: dict[str, JobStatus | Outcome] = {}
        self._keys: dict[str, tuple[str, str]] = {}  # id and fingerprint
        self._waiters: dict[str, set[str]] = {}  # inboxes
        self._declared: dict[str, bytes] = {}
        self._overdue: dict[str, float] = {}
        self._version = 0

    def now(self) -> float:
        """Milliseconds by the store's clock."""
        return float(self._now())

    # -- what happens elsewhere --

    def publish(self, served: Iterable[JobDefinition], overdue: float = -30.0) -> None:
        """A worker promises these jobs; `overdue` says how many seconds ago that promise ran out."""
        for each in served:
            self._declared[each.name] = msgspec.json.encode(each)
            self._overdue[each.name] = overdue
        self._version += 1

    def begin(self, id: str) -> None:
        """A worker runs this job."""
        known = self._known[id]
        assert isinstance(known, JobStatus)
        self._known[id] = msgspec.structs.replace(
            known, state=State.RUNNING, started=self._now(), attempts=known.attempts + 1
        )

    def end(
        self, id: str, state: State = State.SUCCEEDED, payload: str = "null", follows: bool = False
    ) -> Outcome:
        """The job has ended."""
        known, now = self._known[id], self._now()
        assert isinstance(known, JobStatus)
        expires = now + 60_000
        outcome = Outcome(
            id,
            known.name,
            state,
            known.created,
            known.started,
            now,
            expires,
            known.attempts,
            payload,
            follows,
            known.durable,
        )
        self._known[id] = outcome
        return outcome

    def job(self, id: str) -> Job:
        """A submission, as it came."""
        return self._jobs[id]

    def ids(self) -> list[str]:
        """All jobs that were ever added."""
        return list(self._jobs)

    # -- the verbs --

    partitions = 1

    def epoch_of(self, partition: int) -> str:
        return self.epoch

    def up(self) -> list[int]:
        return [0]

    def mint(self, pin: str = "") -> str:
        self._minted += 1
        return f"0-{self.epoch}-{self._minted:016}"  # as long as real ones

    def minted_elsewhere(self, id: str) -> bool:
        return id.split("-")[1] != self.epoch

    def submit(self, submission: Submission) -> Deferred[Receipt]:
        try:
            return succeed(self._add(submission, again=False))
        except Exception as error:
            return fail(error)

    def submit_telling(self, submission: Submission, told: Hearer[Receipt]) -> None:
        self.submit(submission).addCallbacks(told.callback, told.errback)

    async def submit_again(self, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
        answers: list[Receipt | Exception] = []
        for submission in submissions:
            try:
                answers.append(self._add(submission, again=True))
            except (KeyReused, QueueFull) as error:
                answers.append(error)
        return answers

    async def find(self, digest: str) -> str:
        self._check()
        if digest not in self._keys:
            raise NoSuchJob
        return self._keys[digest][0]

    async def look(self, owner: str, id: str) -> JobStatus | Outcome:
        self._check()
        if id in self._known and owner in ("*", self._jobs[id].owner):
            return self._placed(self._known[id])
        raise StoreReset if self.minted_elsewhere(id) else NoSuchJob

    async def attach(self, owner: str, id: str) -> JobStatus | Outcome:
        known = await self.look(owner, id)
        self._waiters[id].add(self.inbox)
        return known

    async def attach_all(self, ids: Sequence[str]) -> list[JobStatus | Outcome | None]:
        self._check()
        return [await self.attach("*", id) if id in self._known else None for id in ids]

    async def cancel(self, owner: str, id: str) -> tuple[JobStatus | Outcome, Outcome | None]:
        before = await self.look(owner, id)
        if isinstance(before, Outcome):
            return before, before
        return before, None if before.state is State.RUNNING else self.end(id, State.CANCELLED, "")

    async def abandon(self, id: str) -> bool:
        self._check()
        known, waiters = self._known.get(id), self._waiters.get(id, set())
        if not isinstance(known, JobStatus) or waiters - {self.inbox, ""}:
            return False
        if known.state is not State.RUNNING:
            self.end(id, State.CANCELLED, "")
        return True

    async def collected(self, id: str) -> bool:
        self._check()
        self.collections.append(id)
        return False

    async def catalogue(self, partition: int = 0) -> Definitions:
        self._check()
        return Definitions(self._version, dict(self._declared), dict(self._overdue))

    def _add(self, submission: Submission, again: bool) -> Receipt:
        self._check()
        job, now = submission.job, self._now()
        id, fingerprint = self._keys.get(job.key, ("", "")) if job.key else ("", "")
        if id and fingerprint != job.fingerprint:
            raise KeyReused
        id = id or (submission.id if again else "")
        if id in self._known:
            self._waiters[id].add(job.inbox)
            known = self._known[id]
            return Receipt(id, now, id == submission.id, known if isinstance(known, Outcome) else None)
        if sum(isinstance(known, JobStatus) for known in self._known.values()) >= self._queue_limit:
            raise QueueFull
        state = State.SCHEDULED if submission.delay else State.QUEUED
        self._jobs[submission.id], self._waiters[submission.id] = job, {job.inbox}
        self._known[submission.id] = JobStatus(submission.id, job.name, state, now, durable=job.durable)
        if job.key:
            self._keys[job.key] = submission.id, job.fingerprint
        return Receipt(submission.id, now, True)

    def _placed(self, known: JobStatus | Outcome) -> JobStatus | Outcome:
        """With its place among those that wait for the same handler."""
        if isinstance(known, Outcome) or known.state is not State.QUEUED:
            return known
        line = [
            other.id
            for other in self._known.values()
            if other.state is State.QUEUED and other.name == known.name
        ]
        line.sort(key=lambda id: -self._jobs[id].priority)
        return msgspec.structs.replace(known, position=1 + line.index(known.id))

    def _check(self) -> None:
        if self.fails is not None:
            raise self.fails

    def _now(self) -> int:
        return int(self._clock.seconds() * 1000)
