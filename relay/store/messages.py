"""What the roles and the store say to each other: plain values, and how they are read off Redis' replies."""

from __future__ import annotations

from typing import Any

import msgspec

from relay.model import envelope
from relay.model.problems.registry import ProblemType
from relay.model.state import Claim, Job, JobTemplate, Outcome, Standing, State

_STAMP = 13  # digits of a time in front of a kept job


class Submission(msgspec.Struct, frozen=True, gc=False):
    """A job to be added. Times are milliseconds from now, 0 for none."""

    id: str
    job: Job
    delay: int = 0
    deadline: int = 0

    def words(self) -> tuple[str | bytes | int, ...]:
        """As the arguments of the submit script."""
        job = self.job
        kept = _encode(job)
        where = job.name, job.priority, job.lane
        return self.id, job.key, job.fingerprint, *where, self.delay, self.deadline, kept


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """A submission was accepted: as a new job, or as the one that its key already stands for."""

    id: str
    now: int
    new: bool
    outcome: Outcome | None = None


class End(msgspec.Struct, frozen=True, gc=False):
    """How one attempt ended: an outcome's state, or `SCHEDULED` (try again) or `QUEUED` (given back)."""

    id: str
    state: State
    payload: str = ""
    delay: int = 0  # milliseconds until the next attempt
    free: bool = False  # this one does not count
    dead: bool = False  # it failed for good, and is kept as a dead letter
    undone: bool = False  # it failed, and nothing was done: its key is as if it had not been used

    def words(self, turn: int) -> tuple[str | int, ...]:
        state = self.state.value
        if self.free or self.dead or self.undone:
            state = "postponed" if self.free else "dead" if self.dead else "undone"
        return self.id, turn, state, self.payload, self.delay


class Turn(msgspec.Struct, frozen=True):
    """A worker's turn: what has ended (and which turn had claimed it: with the session, the fence), how far jobs are
    (id, JSON), how many more are wanted, what jobs left to go on from (id, turn that claimed it, JSON)."""

    number: int
    want: int
    ends: tuple[tuple[End, int], ...] = ()
    progress: tuple[tuple[str, str], ...] = ()
    holds: int = 0  # jobs beyond those that end here
    checkpoints: tuple[tuple[str, int, str], ...] = ()


class Turned(msgspec.Struct, frozen=True):
    """The answer to a turn."""

    claims: list[Claim]
    refused: list[str]  # ids whose end was not taken: another holds them, or has ended them
    more: bool  # there is work left
    due: float  # seconds until something becomes due, below 0 for nothing in sight
    alone: bool = False  # it takes nothing beside a job under which workers died, or to try one


class Letter(msgspec.Struct, frozen=True):
    """A dead letter: a job that failed for good, with the time (ms), its problem (JSON, or a slug of relay's), and the
    sessions of workers that died under it. Its arguments may have been too large to keep (`cut`)."""

    id: str
    job: Job
    died: int
    cause: str
    sessions: tuple[str, ...]
    cut: bool


class GivenBack(msgspec.Struct, frozen=True):
    """A job that the closed session of a dead worker held, and that goes back, or ended with it."""

    session: str
    id: str
    name: str


class Swept(msgspec.Struct, frozen=True):
    """What a sweep found: whether the caller's inbox was there, the catalogue's version, and what was given back of
    workers whose leases had ended."""

    there: bool
    version: int
    given_back: list[GivenBack]


class Fenced(Exception):
    """The session is no longer known: what it held may be another's by now."""


class Mail(msgspec.Struct, frozen=True, gc=False):
    """One message of an inbox: see the letters in `relay.store.keys`."""

    letter: str
    id: str
    data: bytes


class ServedLimit(msgspec.Struct, frozen=True):
    """The limit of a job: its name, its rate (a window of 0 seconds: only what is learned), the argument whose values
    are counted apart ("" for none), and how many may run at once (0 for any number)."""

    name: str
    calls: int
    window: float
    per: str
    most: int = 0


class Served(msgspec.Struct, frozen=True):
    """A job as its worker published it."""

    name: str
    queue: str
    priority: int
    attempts: int
    once: bool
    limit: ServedLimit | None
    then: JobTemplate | None
    schema: dict[str, Any]
    internal: bool = False  # not for clients
    local: bool = False  # for clients of this machine only
    problems: tuple[ProblemType, ...] = ()  # that its handler declares

    def template(self) -> JobTemplate:
        """How it is queued and run, the lane of a limited one aside."""
        return JobTemplate(self.name, self.queue, self.priority, self.attempts, self.once)


class Catalogue(msgspec.Struct, frozen=True):
    """The jobs that are or were served: each as its worker declared it (the JSON of a `Served`, or whatever else was
    written there), and with how many seconds ago the last promise to serve it ran out."""

    version: int
    declared: dict[str, bytes]
    overdue: dict[str, float]


class _KeptOutcome(msgspec.Struct, frozen=True, array_like=True, gc=False):
    name: str
    owner: str
    state: State
    created: int
    started: int
    finished: int
    expires: int
    attempts: int
    payload: str
    follows: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode_job = msgspec.msgpack.Decoder(Job).decode
_decode_outcome = msgspec.msgpack.Decoder(_KeptOutcome).decode


#: stands for a job whose record can't be read
UNREADABLE = Job("", "", "", "", 0, 1, "", "", False, "", "{}")


def read_outcome(id: str, data: bytes) -> Outcome:
    kept = _decode_outcome(data)
    return Outcome(
        id,
        kept.name,
        kept.state,
        kept.created,
        kept.started,
        kept.finished,
        kept.expires,
        kept.attempts,
        kept.payload,
        kept.follows,
    )


def kept_outcome(outcome: Outcome, owner: str) -> bytes:
    """The outcome of an owner's job as the store keeps it."""
    times = outcome.created, outcome.started, outcome.finished, outcome.expires
    ended = outcome.attempts, outcome.payload, outcome.follows
    return _encode(_KeptOutcome(outcome.name, owner, outcome.state, *times, *ended))


def read_claim(
    id: bytes, kept: bytes, attempt: int, starts: int, started: int, checkpoint: bytes = b""
) -> Claim:
    created, deadline = int(kept[:_STAMP]), int(kept[_STAMP : 2 * _STAMP])
    try:
        job = _with_envelope(_decode_job(kept[2 * _STAMP :]))
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        job = UNREADABLE  # one that nobody serves: the claims beside it are not to suffer
    return Claim(id.decode(), job, attempt, created, deadline, started, starts, checkpoint.decode())


def _with_envelope(job: Job) -> Job:
    """A job that was given an outcome has it, as the store keeps it, in place of its arguments."""
    if not job.arguments.startswith("["):
        return job
    id, *kept = msgspec.json.decode(job.arguments)
    shown = envelope.of_outcome(read_outcome(id, msgspec.msgpack.encode(kept)))
    return msgspec.structs.replace(job, arguments=f'{{"outcome":{shown.decode()}}}')


def kept_job(claim: Claim) -> bytes:
    """The job as the store keeps it."""
    return b"%013d%013d%b" % (claim.created, claim.deadline, _encode(claim.job))


def read_letter(id: bytes, died: int, cause: bytes, kept: bytes, sessions: bytes, cut: int) -> Letter:
    job = _decode_job(kept[2 * _STAMP :])
    return Letter(id.decode(), job, died, cause.decode(), tuple(sessions.decode().split()), bool(cut))


def read_given_back(rows: list[bytes]) -> list[GivenBack]:
    """Session, id and name of each, one after the other."""
    words = [row.decode() for row in rows]
    return [GivenBack(*row) for row in zip(words[::3], words[1::3], words[2::3], strict=True)]


def read_standing(id: str, reply: list[Any]) -> Standing | Outcome | None:
    """A standing as ``standing.lua`` writes it; None for a job that is not known to this owner."""
    if reply[0] == b"done":
        return read_outcome(id, reply[1])
    if reply[0] == b"none":
        return None
    _, state, name, created, started, attempts, position, progress = reply
    return Standing(
        id,
        name.decode(),
        State(state.decode()),
        created,
        started,
        attempts,
        position,
        progress.decode(),
    )
