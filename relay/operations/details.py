"""Makes a `JobDetail` of what the store knows of a job."""

from __future__ import annotations

from typing import Any

import msgspec

from relay.model import envelope
from relay.model.job import Job
from relay.model.problems.slugs import slug_of
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.operations.seen import AttemptStatus, JobDetail, JobRow
from relay.store.found import KnownJob
from relay.store.messages import DeadJob, PastAttempt

LONGEST = 10_000  # characters of arguments that are shown
_NO_JOB = Job("", "", "", "", 0, 1, "", "", False, "", "")


def row_of(known: KnownJob, queue: str = "") -> JobRow:
    """A job as it stands in a list; `queue` as its name is declared now, "" for one that is not declared any more."""
    found, job = _standing(known), known.job
    is_dead = known.standing is None
    finished = found.finished if isinstance(found, Outcome) else 0
    return JobRow(
        id=known.id,
        name=found.name,
        queue=queue or (job.queue if job else ""),
        owner=known.owner,
        state="dead" if is_dead else found.state.value,
        created=found.created,
        started=found.started,
        finished=finished,
        attempts=found.attempts,
        problem=_problem(found) if isinstance(found, Outcome) else "",
    )


def detail_of(known: KnownJob, queue: str = "") -> JobDetail:
    """All that is known of a job."""
    found, job = _standing(known), known.job or _NO_JOB
    shown = envelope.of_outcome(found) if isinstance(found, Outcome) else envelope.of_standing(found)
    decoded: dict[str, Any] = msgspec.json.decode(shown)
    return JobDetail(
        row=row_of(known, queue),
        envelope=decoded,
        attempts=_attempts(known, found),
        arguments=job.arguments[:LONGEST],
        arguments_cut=len(job.arguments) > LONGEST or (known.dead is not None and known.dead.cut),
        deadline=known.deadline,
        due=known.due,
        position=0 if isinstance(found, Outcome) else found.position,
        priority=job.priority,
        most_attempts=known.job.attempts if known.job else 0,
        lane=job.lane,
        why_waiting=str(known.why),
        process=known.process,
        parent=job.parent,
        children=known.children,
        waiters=known.waiters,
        trace=job.trace,
        expires=found.expires if isinstance(found, Outcome) else 0,
    )


def _standing(known: KnownJob) -> JobStatus | Outcome:
    if known.standing is not None:
        return known.standing
    assert known.dead is not None
    return _outcome_of(known.dead)


def _outcome_of(dead: DeadJob) -> Outcome:
    """The outcome of a dead job, which is not kept any more."""
    last = dead.history[-1] if dead.history else PastAttempt(0, 0, dead.died, "")
    times = dead.created, last.started, dead.died, 0
    return Outcome(dead.id, dead.job.name, State.FAILED, *times, last.number, dead.cause)


def _attempts(known: KnownJob, found: JobStatus | Outcome) -> list[AttemptStatus]:
    """Those that have ended, then the present one, or the last."""
    if known.standing is None and known.dead is not None:
        return [_shown(attempt) for attempt in known.dead.history]
    attempts = [_shown(attempt) for attempt in known.history]
    if isinstance(found, Outcome) and found.started:
        how, times = found.state.value, (found.started, found.finished)
        attempts.append(AttemptStatus(found.attempts, how, *times, _problem(found), known.process))
    elif isinstance(found, JobStatus) and found.started:
        attempts.append(AttemptStatus(found.attempts, "running", found.started, process=known.process))
    return attempts


def _shown(attempt: PastAttempt) -> AttemptStatus:
    times = attempt.started, attempt.ended
    return AttemptStatus(attempt.number, attempt.how, *times, attempt.problem, attempt.process)


def _problem(outcome: Outcome) -> str:
    return slug_of(outcome.payload) if outcome.state is State.FAILED else ""
