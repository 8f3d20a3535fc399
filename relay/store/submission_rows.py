"""A submission as the submit script takes it, and what that answers: rows of `relay.store.codec`."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from relay.model.problems.caller import RateExceeded, TooManyQueued
from relay.model.problems.request import KeyReused, QueueFull
from relay.store.codec import read_outcome
from relay.store.messages import Receipt, Submission

ANY_NUMBER: Final = 1 << 53  # of a caller's jobs: they are counted, and none is refused for it
_encode = msgspec.msgpack.Encoder().encode


def submission_words(item: Submission) -> tuple[bytes, bytes]:
    """As scripts take it: its row without the job, and the job. A word for each value would cost more, here, on the
    way, and in Redis; and Lua's MessagePack knows no bytes within a row."""
    return _encode(submission_row(item)), _encode(item.job)


def submission_row(item: Submission) -> tuple[str | int, ...]:
    """Its values in the order of `codec.SUBMISSION`, with "" in place of the job, and for a caller of whom nothing is
    counted. `asks`: a session has to ask for it: it is not handed to one. (One that must not run twice would fail with
    a session that has died before it was told.)"""
    job = item.job
    where = job.name, job.priority, job.lane
    when, one = (item.delay, item.deadline), (job.unique, item.debounce)
    who = item.id, job.key, job.fingerprint
    caller = _caller(item) if job.caller or item.rate.window or job.fair else ""
    asks = bool(job.lane or caller or item.delay or item.deadline or item.debounce or job.once)
    return *who, *where, *when, caller, *one, job.parent, asks, ""


def _caller(item: Submission) -> str:
    """What its caller may take, and whose turn it is, as ``allowances.lua`` reads it."""
    job, rate = item.job, item.rate
    most = (item.queued or ANY_NUMBER) if job.caller else 0
    name = job.caller or item.caller
    limits = f"{rate.calls} {rate.window * 1000:.0f} {most} {len(name.encode())}"
    return f"{limits} {name}{job.owner if job.fair else ''}"


def read_receipt(submission: Submission, now: int, row: list[Any]) -> Receipt | Exception:
    """What became of a submission: see `submit.lua`."""
    match row:
        case [b"new"]:
            return Receipt(submission.id, now, True)
        case [b"known", id]:
            return Receipt(id.decode(), now, id.decode() == submission.id)
        case [b"done", id, outcome]:
            return Receipt(id.decode(), now, id.decode() == submission.id, read_outcome(id.decode(), outcome))
        case [b"clash"]:
            return KeyReused()
        case [b"slow", wait]:
            return RateExceeded(submission.rate, wait / 1000)
        case [b"crowded"]:
            return TooManyQueued(submission.queued)
        case _:
            return QueueFull()
