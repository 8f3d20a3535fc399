"""The jobs of the store in memory, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from relay.model import envelope
from relay.model.job import Job
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.codec import arguments_of_then, kept_outcome
from relay.store.mail import MailKind
from relay.store.member import MOST_LETTERS
from relay.store.memory.allowances import Allowances
from relay.store.memory.limits import Limits
from relay.store.memory.mail import Post
from relay.store.memory.news import News
from relay.store.memory.ones import Ones
from relay.store.memory.record import EndedJob, LiveJob, Place, following, process_of
from relay.store.memory.rounds import Rounds
from relay.store.memory.schedules import Schedules
from relay.store.memory.served import Declarations
from relay.store.memory.stopped import Stopped
from relay.store.messages import DeadJob
from relay.store.terms import StoreSettings

COLLECTED_WITHIN = 10_000  # ms in which an outcome that somebody waits for is not given to another job
LARGE = 4096  # bytes of an outcome that is not sent along
ANYONE = "*"  # owns every job


class DataSet:
    """Jobs that live, outcomes of those that ended, keys, dead jobs. `now` is in milliseconds."""

    def __init__(self, now: Callable[[], int], post: Post, terms: StoreSettings) -> None:
        self.now = now
        self.post = post
        self.terms = terms
        self.limits = Limits(now)
        self.allowances = Allowances(now)
        self.schedules = Schedules(now)
        self.served = Declarations(now, self.limits, self.schedules)
        self.stopped = Stopped(now, self.served)
        self.ones = Ones()
        self.news = News(post, self.standing)
        self.jobs: dict[str, LiveJob] = {}
        self.dead_jobs: dict[str, DeadJob] = {}
        #: called with the name of a job that may be claimed now, and how many sessions are to look
        self.wake: Callable[[str, int], None] = lambda name, most: None
        #: called with each job that was added, and with each that has ended
        self.on_add: Callable[[LiveJob], None] = lambda live: None
        self.on_end: Callable[[LiveJob, Outcome], None] = lambda live, outcome: None
        self._ended: dict[str, EndedJob] = {}
        self._keys: dict[str, tuple[str, str]] = {}  # id and fingerprint, by digest
        self._arrived = 0
        self._rounds = Rounds()

    # -- what is known --

    def ended(self, id: str) -> EndedJob | None:
        """A job that ended, as long as its outcome is kept."""
        found = self._ended.get(id)
        if found is not None and found.outcome.expires <= self.now():
            del self._ended[id]
            return None
        return found

    def all_ended(self) -> list[EndedJob]:
        """All of them."""
        return [ended for id in list(self._ended) if (ended := self.ended(id)) is not None]

    def by_key(self, digest: str) -> tuple[str, str] | None:
        """Id and fingerprint of the job that a key stands for, while it lives or its outcome is kept."""
        found = self._keys.get(digest)
        if found is not None and found[0] not in self.jobs and self.ended(found[0]) is None:
            del self._keys[digest]
            return None
        return found

    def standing(self, owner: str, id: str) -> JobStatus | Outcome | None:
        """Where a job stands, or how it ended; None for one that is not this owner's."""
        live, ended = self.jobs.get(id), self.ended(id)
        if live is not None and owner in (ANYONE, live.job.owner):
            return live.standing(self._position(live))
        if live is None and ended is not None and owner in (ANYONE, ended.owner):
            return ended.outcome
        return None

    def _position(self, live: LiveJob) -> int:
        """In its line, from 1; 0 where it is in none."""
        if live.state is not State.QUEUED:
            return 0
        line = [other for other in self.waiting(live.suspected) if other.line == live.line]
        return 1 + line.index(live)

    def waiting(self, suspected: bool = False) -> list[LiveJob]:
        """Jobs that may be claimed, those first that go first."""
        return sorted(self._queued(suspected), key=lambda live: (live.place, live.id))

    def _queued(self, suspected: bool) -> Iterator[LiveJob]:
        for live in self.jobs.values():
            if live.state is State.QUEUED and live.suspected is suspected:
                yield live

    def alive(self, caller: str) -> int:
        """How many jobs live that take up places of this caller."""
        return sum(live.job.caller == caller for live in self.jobs.values())

    def is_full(self, job: Job) -> bool:
        """Whether there is no room for this job."""
        taken = sum(live.size for live in self.jobs.values())
        too_large = taken + len(job.arguments) > self.terms.queue_bytes
        return len(self.jobs) >= self.terms.queue_limit or too_large

    # -- what becomes of jobs --

    def add(self, live: LiveJob) -> None:
        """A job that is queued, scheduled where it has a `due`, or runs already."""
        self.jobs[live.id] = live
        self.on_add(live)
        self.keep_key(live.job, live.id)
        if live.state is State.SCHEDULED and not live.due:
            self.queue(live)

    def keep_key(self, job: Job, id: str) -> None:
        """The key of this job, if it has one, stands for the one with this id."""
        if job.key:
            self._keys.setdefault(job.key, (id, job.fingerprint))

    def queue(self, live: LiveJob) -> None:
        """At the end of its line, or where it is its owner's turn."""
        live.due = 0
        live.place = self.next_place(live.job)
        if live.job.fair:
            live.place = self._rounds.place(live.job, live.place, self._queued(suspected=False))
        self.queue_again(live)

    def queue_again(self, live: LiveJob) -> None:
        """At the place that it had."""
        live.move(State.QUEUED)
        self.wake(live.job.name, 1)

    def next_place(self, job: Job) -> Place:
        """Behind all others of its priority."""
        self._arrived += 1
        return -job.priority, self._arrived

    def cancel(self, live: LiveJob) -> None:
        """End a job that waits; ask the worker of one that runs to stop it."""
        if live.run is None:
            self.settle(live, State.CANCELLED)
            return
        live.cancelled = True
        self.post.send(process_of(live.run.session), MailKind.CANCEL, live.id)

    def settle(self, live: LiveJob, state: State, payload: str = "") -> None:
        """A job ends: keep its outcome, and tell all who wait for it."""
        now, run, starts = self.now(), live.run, live.starts
        live.move(state)
        del self.jobs[live.id]
        self.ones.end(live.id, live.job, state, now)
        outcome = Outcome(
            live.id,
            live.job.name,
            state,
            live.created,
            run.started if run else 0,
            now,
            now + int(self.terms.keep * 1000),
            run.attempt if run else live.tries,
            payload,
            live.job.then is not None,
            live.job.durable,
            starts,
        )
        process = process_of(run.session) if run else ""
        self._ended[live.id] = EndedJob(live.job.owner, outcome, process, tuple(live.history), live.pieces)
        kept = kept_outcome(outcome, live.job.owner, tuple(live.history))
        message = (MailKind.OUTCOME, live.id, kept) if len(kept) <= LARGE else (MailKind.LARGE, live.id)
        for inbox in live.inboxes:
            self.post.send(inbox, *message)
        self._follow(live, outcome)
        if state is not State.SUCCEEDED:
            self._take_along(live, state)
        self.on_end(live, outcome)

    def _take_along(self, live: LiveJob, state: State) -> None:
        """A job ended otherwise than well: its sub-jobs end with it. If it is one itself, and was cancelled or expired,
        it is submitted anew when its parent is tried again."""
        if live.job.depth and state is not State.FAILED:
            self.release_key(live.job)
        for child in [other for other in self.jobs.values() if other.job.parent == live.id]:
            self.cancel(child)

    def _follow(self, live: LiveJob, outcome: Outcome) -> None:
        """Give an outcome to the job that gets it, at once where nobody waits."""
        if live.job.then is not None:
            arguments = arguments_of_then(envelope.of_outcome(outcome), live.job.notify)
            due = self.now() + (COLLECTED_WITHIN if live.inboxes else 0)
            self.add(LiveJob(following(live.id), live.follower(arguments), self.now(), 0, due=due))

    def collect(self, id: str) -> bool:
        """Somebody has this outcome: whether a job that would have been given it was dropped."""
        follower = self.jobs.get(following(id))
        if follower is None or follower.state is not State.SCHEDULED or follower.tries:
            return False
        del self.jobs[follower.id]
        return True

    def drop_outcome(self, id: str) -> bool:
        """Keep the outcome of a job no longer; whether there was one."""
        return self._ended.pop(id, None) is not None

    def release_key(self, job: Job) -> None:
        """A job did nothing: its key is as if it had not been used."""
        self._keys.pop(job.key, None)

    def bury(self, live: LiveJob, cause: str, sessions: list[str], how: str) -> None:
        """Keep a job that failed for good as a dead job; its last attempt ended so."""
        most = self.terms.dead_arguments
        self.dead_jobs[live.id] = live.dead(self.now(), cause, sessions, how, most)

    # -- what time brings --

    def pass_time(self) -> None:
        """Jobs that are due are queued, those past their deadline expire."""
        now = self.now()
        scheduled = [live for live in self.jobs.values() if live.state is State.SCHEDULED]
        for live in sorted(scheduled, key=lambda live: (live.due, live.id)):
            if live.due <= now:
                self.queue(live)
        for live in list(self.jobs.values()):
            if live.run is None and 0 < live.deadline <= now:
                self.settle(live, State.EXPIRED)

    def forget_letters(self) -> None:
        """Those that are too old, or too many."""
        oldest = self.now() - int(self.terms.dead_keep * 1000)
        kept = [dead for dead in self.dead_jobs.values() if dead.died > oldest]
        self.dead_jobs = {dead.id: dead for dead in kept[-MOST_LETTERS:]}

    def next_due(self) -> int | None:
        """When something becomes due, None for nothing in sight."""
        times = [live.due for live in self.jobs.values() if live.state is State.SCHEDULED]
        times += [live.deadline for live in self.jobs.values() if live.run is None and live.deadline]
        return min(times, default=None)
