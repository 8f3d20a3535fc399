"""Schedules as the store keeps them, and the jobs of their firings. Times are milliseconds, by Redis' clock."""

from __future__ import annotations

from typing import Any

import msgspec

from relay.model import ids
from relay.model.caller import SCHEDULE
from relay.model.digests import digest, unique_digest
from relay.model.schedule import Schedule
from relay.store import codec
from relay.store.messages import Definitions, JobDefinition, Submission
from relay.store.placing import pin_of
from relay.store.submission_rows import submission_words

_decode = msgspec.json.Decoder(Schedule).decode
_decode_definition = msgspec.json.Decoder(JobDefinition).decode


class ScheduleStatus(msgspec.Struct, frozen=True):
    """Where a schedule stands: when its job is fired next (`due`, -1 for one that nobody has counted out yet), since
    when it is paused (0: it is not), when it was fired last (0: never) and the id of that job."""

    name: str
    due: int
    text: str  # the `Schedule` that it was counted out by, JSON
    paused: int
    fired: int
    id: str

    @property
    def schedule(self) -> Schedule | None:
        """None for one that another version of relay wrote."""
        try:
            return _decode(self.text)
        except msgspec.MsgspecError:
            return None


class Firing(msgspec.Struct, frozen=True):
    """A schedule goes on from `seen`, where it was due, to `due`; `text` is the schedule by which it does. `job` is
    added for the firing at `at`; None where nothing is fired."""

    name: str
    seen: int
    due: int
    text: str
    at: int = 0
    job: Submission | None = None


def text_of(schedule: Schedule) -> str:
    """A schedule as it is kept."""
    return msgspec.json.encode(schedule).decode()


def firing_job(definition: JobDefinition, id: str, at: int, *, by_hand: bool = False) -> Submission:
    """The job for a firing at this time, of an id as it was minted. There is one for each time, those fired by hand
    aside."""
    unique, limit = definition.unique, definition.limit
    template = definition.template()
    if limit is not None:
        template = msgspec.structs.replace(template, lane=limit.lane())
    job = template.job(
        SCHEDULE,
        "{}",
        key="" if by_hand else digest(SCHEDULE, definition.name, str(at)),
        fingerprint="" if by_hand else "-",
        then=definition.then,
        unique=unique_digest(SCHEDULE, definition.name, "") if unique is not None else "",
        fresh=unique.fresh if unique is not None else 0,
        scheduled=at,
    )
    return Submission(ids.scheduled(id, at), job)


def firing_words(firing: Firing) -> list[Any]:
    """A firing as ``fire.lua`` takes it."""
    job = () if firing.job is None else submission_words(firing.job)
    return [firing.name, firing.seen, firing.due, firing.text, firing.at, *job]


def read_schedules(rows: list[Any]) -> list[ScheduleStatus]:
    """What ``schedules.lua`` answers."""
    return [
        ScheduleStatus(name.decode(), due, text.decode(), paused, fired, id.decode())
        for name, due, text, paused, fired, id in codec.SCHEDULED.rows(rows)
    ]


def pin_of_schedule(definition: JobDefinition) -> str:
    """What decides where a schedule lives: where the jobs of its firings do."""
    return pin_of(firing_job(definition, "", 1).job)


def scheduled(known: Definitions, name: str) -> JobDefinition:
    """The definition of a job with a schedule. Raises `LookupError` for any other."""
    try:
        definition = _decode_definition(known.declared[name])
    except msgspec.MsgspecError:
        raise LookupError(f"{name} was declared by another version of relay") from None
    if definition.schedule is None:
        raise LookupError(name)
    return definition


def shown(schedules: list[ScheduleStatus], known: Definitions) -> list[tuple[ScheduleStatus, bool]]:
    """Schedules by their names, each with whether a worker serves its job, so that it is fired. Of one that is there
    twice, since its declaration has moved it to another partition, the one that goes on counts: it is due last."""
    newest = {each.name: each for each in sorted(schedules, key=lambda each: each.due)}
    return [(newest[name], known.overdue.get(name, 1.0) <= 0) for name in sorted(newest)]
