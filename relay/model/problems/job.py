"""How a job can fail in ways that its handler does not raise. The docstring of each class is what ``/problems/{slug}``
shows: what happened, and what to do about it."""

from __future__ import annotations

from relay.model.problems.base import RelayError
from relay.model.problems.request import BadArguments


class JobFailed(RelayError):
    """The job's handler raised an unexpected error. The operator's log has the traceback."""

    status, slug, title = 500, "job-failed", "The job failed"


class JobTimeout(RelayError):
    """The job took longer than its handler's timeout allows, and was stopped."""

    status, slug, title = 504, "job-timeout", "The job took too long"


class JobCancelled(RelayError):
    """The job was cancelled before it ended."""

    status, slug, title = 409, "cancelled", "The job was cancelled"


class JobExpired(RelayError):
    """The job's deadline passed before the job ended."""

    status, slug, title = 504, "expired", "The deadline passed"


class WorkerDied(RelayError):
    """Several workers died while they ran this job, so relay does not try it again. It is kept as a dead job for the
    operator to look at."""

    status, slug, title = 500, "worker-died", "The job's workers died"


class Interrupted(RelayError):
    """The worker died or was stopped while it ran this job, so it is unknown how far the job got. The job must not run
    twice, so relay did not retry it. Check what happened before you submit it again."""

    status, slug, title = 500, "interrupted", "How the job ended is unknown"


class ResultTooLarge(RelayError):
    """The job ended, but its result is larger than this relay stores. `limit` is the largest size in bytes. The handler
    should store the result elsewhere and return its address."""

    status, slug, title = 500, "result-too-large", "The result is too large"


class ResultNotJson(RelayError):
    """The job ended, but its result can't be written as JSON. `detail` says which part of it, and why."""

    status, slug, title = 500, "result-not-json", "The result is not JSON"


class ResultNotDeclared(RelayError):
    """The job ended, but its result does not fit the return type that its handler declares. `detail` says where."""

    status, slug, title = 500, "result-not-declared", "The result is not what the job declares"


class NotServed(RelayError):
    """The worker that claimed the job no longer has a handler of this name."""

    status, slug, title = 500, "not-served", "The handler is gone"


class SubJobsTooDeep(RelayError):
    """The job submitted another job, which submitted another, and so on: `limit` levels are allowed. The usual reason
    is a job that submits itself, directly or through others, without an end. Its handler has to end this."""

    status, slug, title = 500, "sub-jobs-too-deep", "Sub-jobs are nested too deeply"


class TooManySubJobs(RelayError):
    """The job submitted more jobs than one may: `limit`. The handler should give each of them a larger part of the
    work, or let sub-jobs submit their own."""

    status, slug, title = 500, "too-many-sub-jobs", "Too many sub-jobs"


class BadSubJobArguments(BadArguments):
    """The job submitted another job with arguments that do not fit that one, so its handler has a mistake. `errors`
    lists each misfit with its place."""

    status, slug, title = 500, "bad-sub-job-arguments", "The arguments of a sub-job do not fit"


class StepTooLarge(RelayError):
    """The results of the job's steps have more bytes of JSON than relay stores with a job: `limit`. The handler should
    store a result elsewhere and let the step return its address."""

    status, slug, title = 500, "step-too-large", "The result of a step is too large"


class OutputNotKept(RelayError):
    """The store refuses what the job puts out, because somebody has changed by hand what the store has of it. The
    operator's log says which job it is. Other jobs go on."""

    status, slug, title = 500, "output-not-kept", "What the job puts out can't be kept"


class EmittedTooFast(RelayError):
    """The job has put out more than the store could take meanwhile: `limit` bytes waited for it. The handler should
    await what `emit` returns, so that it is no faster than the store."""

    status, slug, title = 500, "emitted-too-fast", "The job puts out more than can be stored"
