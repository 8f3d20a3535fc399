"""What a handler is given for one attempt: its context, and what ties that to the worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from itertools import count

from twisted.internet.defer import CancelledError, Deferred

from relay.handlers.context import Context
from relay.handlers.declare import Handler
from relay.model.job import Claim, Job
from relay.model.schedule import zone_of
from relay.outbound import AttemptOfJob, Http
from relay.worker.aside import Aside, Means
from relay.worker.equipment import Equipment, Reports
from relay.worker.job_log import log_of
from relay.worker.notes import Notes
from relay.worker.place import Place
from relay.worker.progress import words
from relay.worker.sub_jobs import SubJobs
from relay.worker.ties import Hearers, Ties


class Provisions:
    """Of one worker. `is_held` says whether an attempt goes on; `waits` is told when one begins to await sub-jobs, and
    when it goes on."""

    def __init__(
        self,
        place: Place,
        equipment: Equipment,
        reports: Reports,
        is_held: Callable[[Claim], bool],
        waits: Callable[[Claim, bool], None],
    ) -> None:
        self._clock = place.clock
        self._equipment = equipment
        self._reports = reports
        self._is_held = is_held
        self._waits = waits
        self._aside = partial(Aside, Means(place.clock, place.in_thread, equipment.spawn))

    def ties(self, claim: Claim, handler: Handler, seconds: float, notes: Notes) -> Ties:
        """For an attempt that has so many seconds; `notes` are those of earlier ones."""
        until = self._clock.seconds() + seconds
        limit = handler.options.limit
        hosts = limit.hosts if limit is not None else ()
        numbers = count(1)

        def open_http() -> Http:
            job = AttemptOfJob(claim.id, until, claim.job.trace, claim.job.lane, hosts)
            return self._equipment.upstreams.client(job)

        def tell(fraction: float, message: str) -> None:
            if said := words(fraction, message, start=claim.starts, number=next(numbers)):
                self._reports.progress(claim.id, said)

        def keep(said: str) -> Deferred[None]:
            self._check(claim)
            return self._reports.checkpoint(claim.id, said)

        def emit(number: int, said: str) -> Deferred[None]:
            self._check(claim)
            return self._reports.emit(claim.id, number, said)

        make = partial(SubJobs, self._equipment.submitting, claim, partial(self._waits, claim))
        told = Hearers(tell, keep, emit)
        return Ties(self._equipment.from_thread, open_http, told, notes, make, aside=self._aside)

    def _check(self, claim: Claim) -> None:
        if not self._is_held(claim):
            raise CancelledError("another worker has the job")

    def context(self, claim: Claim, handler: Handler, seconds: float, ties: Ties, notes: Notes) -> Context:
        """Of an attempt that has so many seconds."""
        return Context(
            job_id=claim.id,
            attempt=claim.attempt,
            starts=claim.starts,
            deadline=self._equipment.now() + seconds,
            idempotency_key=claim.id,
            trace=claim.job.trace,
            last=notes.last,
            settings=self._equipment.settings,
            scheduled=_moment(claim.job, handler.options.timezone) if claim.job.scheduled else None,
            log=log_of(claim),
            _attached=ties,
        )


def _moment(job: Job, timezone: str) -> datetime:
    """The firing that a job is for."""
    return datetime.fromtimestamp(job.scheduled / 1000, zone_of(timezone))
