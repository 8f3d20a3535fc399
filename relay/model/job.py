"""Jobs: how one is queued and run, as it is kept, and as it is handed to a worker.

Times are integers, milliseconds since the epoch by Redis' own clock; 0 means *not yet* or *none*.
"""

from __future__ import annotations

import msgspec


class JobTemplate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a job of one name is queued and run, as in `Job`, whoever asks for it. The order of the fields is a format,
    because `Job.then` is kept with its job."""

    name: str
    queue: str
    priority: int
    attempts: int
    once: bool
    lane: str = ""
    durable: bool = False

    def job(
        self,
        owner: str,
        arguments: str,
        *,
        inbox: str = "",
        key: str = "",
        fingerprint: str = "",
        trace: str = "",
        then: JobTemplate | None = None,
        caller: str = "",
        fair: bool = False,
        parent: str = "",
        depth: int = 0,
        unique: str = "",
        fresh: int = 0,
        scheduled: int = 0,
        durable: bool = False,
        notify: str = "",
    ) -> Job:
        """The job that does this for somebody, who may want it to be `durable`."""
        how = self.name, self.queue, owner, inbox, self.priority, self.attempts
        what = *how, key, fingerprint, self.once, trace, arguments, self.lane, then
        who = caller, fair, parent, depth
        return Job(*what, *who, unique, fresh, scheduled, durable or self.durable, notify)


class Job(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A submission as it is kept in the store, the order of its fields being the format (MessagePack array).

    What changes while the job lives (place, attempts, holder) is kept beside it, so this never does.
    """

    name: str
    queue: str
    owner: str
    inbox: str  # of the front that waits for it; "" where nobody waits
    priority: int  # -256…255, higher goes first
    attempts: int  # how often it may be started
    key: str  # digest of its idempotency key; "" without one
    fingerprint: str  # of its arguments, where it has a key
    once: bool  # never to be started a second time
    trace: str  # traceparent of the submission; "" without one
    arguments: str  # JSON object
    lane: str = ""  # ``@limit`` or ``@limit value``, of a job whose starts are limited; "" for others
    then: JobTemplate | None = None  # of the job that is given an outcome which nobody collected
    caller: str = ""  # whose queued places it takes up; "" for a job that is not counted
    fair: bool = False  # owners take turns where it waits
    parent: str = ""  # the job whose end takes this one along, unless it succeeds; "" for none
    depth: int = 0  # how many jobs stand above it, of a job that another submitted
    unique: str = (
        ""  # digest of what it does: while it lives, submissions with the same one join it; "" for none
    )
    fresh: int = 0  # ms for which they are given its outcome, too, if it succeeded
    scheduled: int = 0  # the firing that it is for; 0 for a job that somebody asked for
    durable: bool = False  # it is accepted, and its outcome told, once a replica or the disk has that
    notify: str = ""  # what `then`, or this job if it is one, is told of whom to notify; "" for nothing


class Claim(msgspec.Struct, frozen=True, gc=False):
    """A job handed to one worker for one attempt."""

    id: str
    job: Job
    attempt: int  # 1 for the first
    created: int
    deadline: int
    started: int = 0  # when it was handed out: `deadline - started` is what was left of its time then
    starts: int = 1  # how often it was handed out by now, those times included that counted as no attempt
    checkpoint: str = ""  # JSON, what an earlier start left to go on from; "" for nothing
