"""Everything that can go wrong for a caller, each error with its HTTP status and problem type.

The docstring of each class is what ``/problems/{slug}`` shows: what happened, and what to do about it. Their base, and
the error that handlers raise, are in `relay.model.problems.base`.
"""

from __future__ import annotations

from relay.model.problems.base import JobError as JobError
from relay.model.problems.base import RelayError as RelayError


class InternalError(RelayError):
    """relay failed in a way it did not foresee. The operator's log has the traceback. Try again later; if it
    stays, tell the operator."""


class Malformed(RelayError):
    """Part of the request is not of the form it has to be; `detail` names it. Sending the same again gives
    the same answer."""

    status, slug, title = 400, "malformed", "Malformed request"


class MalformedBody(RelayError):
    """The body is not one JSON object, or it is nested more than 100 deep, or has more than
    30,000 values. Send `{"argument": value, …}`, or no body
    for no arguments."""

    status, slug, title = 400, "malformed-body", "The body is not a JSON object"


class KeyRequired(RelayError):
    """This relay takes submissions with a key only, so that one that is sent twice runs once. Send an
    `Idempotency-Key`, another for each job, or `PUT`."""

    status, slug, title = 400, "key-required", "A key is required"


class HeadTooLarge(RelayError):
    """The request's line and headers are larger than `limit` bytes. Send fewer or shorter headers."""

    status, slug, title = 431, "head-too-large", "The headers are too large"


class UnknownCoding(RelayError):
    """The body comes in a transfer coding that relay does not know. Send it with a `Content-Length`, or `chunked`."""

    status, slug, title = 501, "unknown-coding", "The transfer coding is not known"


class UnknownVersion(RelayError):
    """The request is of a version of HTTP that relay does not speak. Send HTTP/1.1."""

    status, slug, title = 505, "unknown-version", "The version of HTTP is not known"


class Forbidden(RelayError):
    """Either the ticket is forged or has expired: ask the server that gave it to you for another. Or this relay
    answers only programs on its own machine: it has no callers' tokens, so requests that came through a proxy or from
    a web page elsewhere are refused. The operator can start it with `--open`."""

    status, slug, title = 403, "forbidden", "Not open to this caller"


class NoSuchJob(RelayError):
    """There is no such job, or it is not yours, or it ended so long ago that its outcome is no longer kept."""

    status, slug, title = 404, "no-such-job", "No such job"


class UnknownJob(RelayError):
    """No worker has offered a job of this name within the last day. Check the spelling, or start the worker."""

    status, slug, title = 404, "unknown-job", "No job of this name"


class NoSuchPage(RelayError):
    """Nothing is served at this address."""

    status, slug, title = 404, "no-such-page", "Nothing here"


class MethodRefused(RelayError):
    """The address exists, but not for this method; `Allow` lists those it has."""

    status, slug, title = 405, "method-refused", "Method not allowed"


class AlreadyComplete(RelayError):
    """The job has ended, so it can't be cancelled. `GET` it to see how it ended."""

    status, slug, title = 409, "already-complete", "The job has already ended"


class StoreReset(RelayError):
    """The store was reset since the job was accepted, and what it knew is gone. Submit again. With a key this is always
    safe."""

    status, slug, title = 410, "store-reset", "The store was reset"


class TooLarge(RelayError):
    """The body is larger than this relay takes; `limit` has the number of bytes."""

    status, slug, title = 413, "too-large", "The body is too large"


class NotJson(RelayError):
    """The body is declared as something other than JSON, or as compressed. Send
    `Content-Type: application/json` and no `Content-Encoding`."""

    status, slug, title = 415, "not-json", "Not plain JSON"


class BadArguments(RelayError):
    """The arguments do not fit the job; `errors` names each misfit with its place."""

    status, slug, title = 422, "bad-arguments", "The arguments do not fit the job"


class KeyReused(RelayError):
    """This key was already used with other arguments. A key stands for one submission: make a new one."""

    status, slug, title = 422, "key-reused", "The key was used with other arguments"


class QueueFull(RelayError):
    """The queue has reached its limit. Send the same again after `Retry-After` seconds."""

    status, slug, title, retry_after = 503, "queue-full", "The queue is full", 5


class StoreFull(RelayError):
    """The store has no memory left for new jobs; those that it has go on. Send the same again after `Retry-After`
    seconds."""

    status, slug, title, retry_after = 503, "store-full", "The store is full", 5


class NoWorker(RelayError):
    """No worker has offered this job for a while, so nobody would answer, or no worker has registered since relay
    started. Retry later. In the first case `Prefer: respond-async` queues the job anyway."""

    status, slug, title, retry_after = 503, "no-worker", "No worker for this job", 5


class StoreAway(RelayError):
    """relay's store is unavailable. Your submission may or may not have been accepted. With a key, send it again after
    `Retry-After` seconds. Without one, check first whether the job ran."""

    status, slug, title, retry_after = 503, "store-away", "The store does not answer", 2


class JobFailed(RelayError):
    """The job's handler failed in a way it did not foresee; the operator's log has the traceback."""

    status, slug, title = 500, "job-failed", "The job failed"


class JobTimeout(RelayError):
    """The job took longer than its handler allows, and was stopped."""

    status, slug, title = 504, "job-timeout", "The job took too long"


class JobCancelled(RelayError):
    """The job was cancelled before it ended."""

    status, slug, title = 409, "cancelled", "The job was cancelled"


class JobExpired(RelayError):
    """The job's deadline passed before it ended."""

    status, slug, title = 504, "expired", "The deadline passed"


class WorkerDied(RelayError):
    """Workers died again and again while they ran this job, so it is not tried any more. It is kept as a dead letter
    for the operator to look at."""

    status, slug, title = 500, "worker-died", "The job's workers died"


class Interrupted(RelayError):
    """The worker died or was stopped while it ran this job, so how far it got is unknown. The job must not run twice,
    so relay did not retry it. Check what happened before you submit it again."""

    status, slug, title = 500, "interrupted", "How the job ended is unknown"


class ResultTooLarge(RelayError):
    """The job ended, but its result is larger than this relay keeps; `limit` has the number of bytes. The
    handler should store it elsewhere and return where."""

    status, slug, title = 500, "result-too-large", "The result is too large"


class ResultNotJson(RelayError):
    """The job ended, but what its handler returned can't be written as JSON; `detail` says what, and where."""

    status, slug, title = 500, "result-not-json", "The result is not JSON"


class ResultNotDeclared(RelayError):
    """The job ended, but its handler returned something other than what it declares to return; `detail` says where."""

    status, slug, title = 500, "result-not-declared", "The result is not what the job declares"


class NotServed(RelayError):
    """The worker that took the job has no handler of this name any more."""

    status, slug, title = 500, "not-served", "The handler has changed"


def catalogue() -> dict[str, type[RelayError]]:
    """Every problem that relay itself can answer with, by slug."""
    return {kind.slug: kind for kind in RelayError.__subclasses__() if kind is not JobError}
