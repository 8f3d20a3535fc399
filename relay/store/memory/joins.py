"""Submissions to the store in memory that ask for what another job does already."""

from __future__ import annotations

import msgspec

from relay.model.state import State
from relay.store.memory.dataset import DataSet
from relay.store.memory.record import LiveJob
from relay.store.messages import Submission

LONGEST = 10  # times its debounce is a job held back at most, however many come
#: what stays of a job that another takes the place of
_OF_THE_FIRST = ("inbox", "key", "fingerprint", "caller", "fair", "parent", "depth", "scheduled")


def joined(data: DataSet, submission: Submission) -> str:
    """The id of the job that a submission joins, or whose outcome it gets; "" for none."""
    unique = submission.job.unique
    id = data.ones.find(unique, data.now()) if unique else ""
    live = data.jobs.get(id)
    if submission.debounce:
        return id if live is not None and not _is_begun(live) else ""
    return id if live is not None or data.ended(id) is not None else ""


def join(data: DataSet, submission: Submission, id: str) -> None:
    """It joins this job: one that is held back is from now on as it asks."""
    live = data.jobs.get(id)
    if submission.debounce and live is not None:
        _take_place(data.now(), submission, live)
    data.keep_key(submission.job, id)


def _take_place(now: int, submission: Submission, live: LiveJob) -> None:
    stays = {field: getattr(live.job, field) for field in _OF_THE_FIRST}
    live.job = msgspec.structs.replace(submission.job, **stays)
    live.deadline = now + submission.deadline if submission.deadline else 0
    if live.state is State.SCHEDULED:
        again = now + max(submission.delay, submission.debounce)
        live.due = min(again, live.created + LONGEST * submission.debounce)


def _is_begun(live: LiveJob) -> bool:
    return live.run is not None or bool(live.tries or live.uncounted)
