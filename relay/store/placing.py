"""What decides in which partition a job lives."""

from __future__ import annotations

from relay.model.job import Job


def pin_of(job: Job) -> str:
    """The text whose partition (`relay.store.router.Router.of_key`) a job lives in; "" for one that may live anywhere.

    A key: whoever asks by it has to find the job.
    """
    return job.key
