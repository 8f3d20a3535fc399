"""Where a job lives: what has to be counted, or found, together lives in one partition.

A pin is a text: all jobs with the same one live where `Router.of_key` of it says. Fronts, workers and operators pin by
the record of a job alone, which a declaration decides, so they agree.
"""

from __future__ import annotations

from relay.model.job import Job


def pin_of(job: Job, caller: str = "") -> str:
    """What decides where a job lives, "" for nothing: then it lives beside its parent, and any other one anywhere.

    `caller` is under what a caller with limits is counted, "" for one without. Of several reasons the first counts:

    1. its limit, for that is a promise to others: it is counted in one place, and never exceeded
    2. the limit of the job that is given its outcome: that one is added by the script that ends this one, beside it
    3. what others join (`Job.unique`): it is done once, whoever asks
    4. of a sub-job nothing more: it is beside its parent, where cancellation reaches it in one script
    5. of a firing the schedule: it is added by the script that lets the schedule go on
    6. its caller, so that the count of one with limits is exact
    7. its key
    """
    limit = limit_of(job.lane) or (limit_of(job.then.lane) if job.then is not None else "")
    pin = limit or job.unique
    if pin or job.depth:
        return pin
    return job.name if job.scheduled else caller or job.key


def limit_of(lane: str) -> str:
    """The limit of a lane, ``@limit`` or ``@limit value``; "" for none. All values of one lie together: the key of a
    job is then found without its arguments."""
    return lane.partition(" ")[0]


def pin_of_scope(scope: str) -> str:
    """What decides where a scope is counted: a lane, or a host that is called."""
    return limit_of(scope) if scope.startswith("@") else scope
