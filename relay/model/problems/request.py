"""What is wrong with a request, or why it can't be carried out, each error with its HTTP status and problem type.

The docstring of each class is what ``/problems/{slug}`` shows: what happened, and what to do about it. Their base, and
the error that handlers raise, are in `relay.model.problems.base`.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.model.problems.base import RelayError


class InternalError(RelayError):
    """relay hit an unexpected error. The operator's log has the traceback. Try again later; if the error persists,
    tell the operator."""


class Malformed(RelayError):
    """Part of the request is malformed; `detail` names it. Sending the same request again gives the same answer."""

    status, slug, title = 400, "malformed", "Malformed request"


class MalformedBody(RelayError):
    """The body is not one JSON object, is nested more than 100 levels deep, or has more than 30,000 values. Send
    `{"argument": value, …}`. For a job without arguments, send no body."""

    status, slug, title = 400, "malformed-body", "The body is not a JSON object"


class KeyRequired(RelayError):
    """This relay accepts submissions only with an idempotency key, so that a request that is sent twice runs once.
    Send an `Idempotency-Key` that is new for each job, or use `PUT`."""

    status, slug, title = 400, "key-required", "A key is required"


class HeadTooLarge(RelayError):
    """The request line and the headers, or the trailers, exceed `limit` bytes. Send fewer or shorter ones."""

    status, slug, title = 431, "head-too-large", "The headers are too large"


class UnknownCoding(RelayError):
    """relay does not support the body's transfer coding. Send the body with a `Content-Length`, or `chunked`."""

    status, slug, title = 501, "unknown-coding", "Transfer coding not supported"


class UnknownVersion(RelayError):
    """relay does not support the request's version of HTTP. Send HTTP/1.1."""

    status, slug, title = 505, "unknown-version", "HTTP version not supported"


class NoSuchJob(RelayError):
    """No job has this id or key, or it is not yours, or it ended so long ago that its outcome was deleted."""

    status, slug, title = 404, "no-such-job", "No such job"


class UnknownJob(RelayError):
    """No worker has served a job of this name within the last day. Check the spelling, or start a worker that serves
    it."""

    status, slug, title = 404, "unknown-job", "No job of this name"


class NoSuchPage(RelayError):
    """relay serves nothing at this address. Check the path."""

    status, slug, title = 404, "no-such-page", "No such address"


class MethodRefused(RelayError):
    """The address does not support this method. `Allow` lists the methods that it supports."""

    status, slug, title = 405, "method-refused", "Method not allowed"

    def __init__(self, methods: Iterable[str]) -> None:
        super().__init__()
        self.head = f"Allow: {', '.join(sorted(methods))}\r\n"


class AlreadyComplete(RelayError):
    """The job has already ended, so it can't be cancelled. Send a `GET` to see how it ended."""

    status, slug, title = 409, "already-complete", "The job has already ended"


class StoreReset(RelayError):
    """The store was reset after the job was accepted, and does not know the job any more. Submit the job again. With a
    key this is always safe."""

    status, slug, title = 410, "store-reset", "The store was reset"


class TooLarge(RelayError):
    """The body is larger than this relay accepts. `limit` is the largest size in bytes."""

    status, slug, title = 413, "too-large", "The body is too large"


class NotJson(RelayError):
    """The body is declared as something other than JSON, or as compressed. Send
    `Content-Type: application/json` and no `Content-Encoding`."""

    status, slug, title = 415, "not-json", "Not plain JSON"


class BadArguments(RelayError):
    """The arguments do not fit what the job declares. `errors` lists each misfit with its place."""

    status, slug, title = 422, "bad-arguments", "The arguments do not fit the job"

    @property
    def misfits(self) -> list[str]:
        """Each with its place."""
        misfits = self.members.get("errors", ())
        return [f"{each['at'].lstrip('/') or 'arguments'}: {each['detail']}" for each in misfits]

    def __str__(self) -> str:
        """With each misfit, for whoever called in Python."""
        return "; ".join([self.detail or self.title, *self.misfits])


class KeyReused(RelayError):
    """This key was already used with other arguments. A key stands for one submission: use a new key."""

    status, slug, title = 422, "key-reused", "The key was used with other arguments"


class QueueFull(RelayError):
    """The queue has reached its limit. Send the same request again after `Retry-After` seconds."""

    status, slug, title, retry_after = 503, "queue-full", "The queue is full", 5


class StoreFull(RelayError):
    """The store has no memory left for new jobs. Jobs that were accepted before go on. Send the same request again
    after `Retry-After` seconds."""

    status, slug, title, retry_after = 503, "store-full", "The store is full", 5


class NoWorker(RelayError):
    """No worker has served this job for 30 seconds, or no worker has registered since relay started. Retry later. In
    the first case `Prefer: respond-async` queues the job anyway."""

    status, slug, title, retry_after = 503, "no-worker", "No worker for this job", 5


class StoreAway(RelayError):
    """relay's store is unavailable. Your submission may or may not have been accepted. With a key, send it again after
    `Retry-After` seconds. Without one, check first whether the job ran."""

    status, slug, title, retry_after = 503, "store-away", "The store does not answer", 2


class NotDurable(StoreAway):
    """The job has to be durable, and was taken, but neither a replica nor the disk had it in time, as the operator has
    chosen. It may run, and it may be lost if the store's server fails now. `id` is its id. With a key, send the same
    request again after `Retry-After` seconds: that waits again, and makes no second job. Without one, look at
    `/jobs/{id}` first. An answer without an `id` says that nothing can make it durable now, and it was not taken."""

    slug, title = "not-durable", "Not durable yet"

    @property
    def was_taken(self) -> bool:
        """Whether there is a job."""
        return bool(self.members.get("id"))
