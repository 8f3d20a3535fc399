"""Where each value stands in what Python and Lua tell each other, written once.

A `Layout` names the values of a row, or of an array that is kept, in their order. The Lua sources do not name a
position: they say ``Job.lane`` or ``Claim{id = id, …}``, and `relay.store.expansion` puts the position in. Python
writes and reads rows here, those of submissions in `relay.store.submission_rows`, those of where jobs stand and of what
they put out in `relay.store.standings`, and nowhere else.
``tests/store/test_codec.py`` compares both sides on a real server.

Records that are kept (`Job`, `JobTemplate`, `Outcome`, `DeadJob`) grow at their end only, because older ones exist.
"""

from __future__ import annotations

from itertools import starmap
from typing import Any, Final

import msgspec

from relay.model import envelope
from relay.model.job import Claim, Job, JobTemplate
from relay.model.limits import Learned, Rate
from relay.model.state import State
from relay.model.status import Outcome
from relay.store.layout import Constants, Layout, Literals, ReplyLayout, lua
from relay.store.mail import MailKind
from relay.store.messages import (
    MOST_PAST,
    Definitions,
    How,
    PastAttempt,
    Report,
    Turn,
    Turned,
    Why,
)

STAMP: Final = 13  # digits of a time (ms) in front of a kept job: when it was made, its deadline
_NEVER: Final = b"0" * STAMP
#: stands for a job whose record can't be read: nobody serves that name
UNREADABLE = Job("", "", "", "", 0, 1, "", "", False, "", "{}")


class KeptOutcome(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How a job ended, as it is kept; the order of the fields is a format. `process`: that ran it last, "" for none.
    `history`: its attempts before the last."""

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
    process: str = ""
    history: tuple[PastAttempt, ...] = ()
    durable: bool = False


_blank = {field: lua(getattr(UNREADABLE, field)) for field in Job.__struct_fields__}
JOB = Layout(Job.__struct_fields__, **_blank)
LETTER = Layout("died cause kept sessions cut history")
DEAD = Layout(("id", *LETTER.fields))
SUBMISSION = Layout(
    "id key fingerprint name priority lane delay deadline caller unique debounce parent asks job"
)
END = Layout("id turn state payload delay problem")
PROGRESS = Layout("id said")
CHECKPOINT = Layout("id turn said")
CLAIM = Layout("id kept attempt starts started checkpoint")
HELD = Layout("id attempt started kept starts")
DECLARATION = Layout("name mark text")
GIVEN_BACK = Layout("session id name")
STANDING = Layout(
    "known state name created started attempts position progress durable starts", known="'live'", starts="0"
)
PIECE = Layout("starts number attempt data")
EMITTED = Layout("id turn number data")
LISTENED = ReplyLayout("standing more gap pieces")
ENDING = Layout("state payload attempts started session finished")
RECEIPT = Layout("known id outcome", id="nil", outcome="nil")
LEARNED = Layout("scope calls window pause")
SERVED = Layout("name text until")
SCHEDULED = Layout("name due text paused fired id")
TURNED = ReplyLayout("more due refused claims alone")
PROCESS = Layout("name seen told")
TOTALS = Layout("catalogue jobs running scheduled dead bytes untold oldest_untold names stopped")
TALLY = Layout("name queue waiting oldest limited scheduled dead served")
RUNNING = Layout("id name session attempt started progress cancelled")
LISTED = Layout("id name queue owner lane state created started finished attempts problem")
DETAIL = Layout("standing kept session due why history waiters children letter")

#: by the names that they have in Lua
CONSTANTS: dict[str, Constants] = {
    "Job": JOB,
    "JobTemplate": Layout(JobTemplate.__struct_fields__),
    "Outcome": Layout(
        KeptOutcome.__struct_fields__, follows="false", process="''", history="nil", durable="nil"
    ),
    "Ending": ENDING,
    "DeadJob": LETTER,
    "Dead": DEAD,
    "Submission": SUBMISSION,
    "Report": END,
    "Progress": PROGRESS,
    "Checkpoint": CHECKPOINT,
    "Claim": CLAIM,
    "Held": HELD,
    "Declaration": DECLARATION,
    "GivenBack": GIVEN_BACK,
    "JobStatus": STANDING,
    "Piece": PIECE,
    "Emitted": EMITTED,
    "Listened": LISTENED,
    "Receipt": RECEIPT,
    "Learned": LEARNED,
    "Served": SERVED,
    "Scheduled": SCHEDULED,
    "Turned": TURNED,
    "Process": PROCESS,
    "Totals": TOTALS,
    "Tally": TALLY,
    "Running": RUNNING,
    "Listed": LISTED,
    "Detail": DETAIL,
    "PastAttempt": Layout(PastAttempt.__struct_fields__),
    "History": Literals({"MOST": MOST_PAST}),
    "Terms": Layout("keep bytes arguments"),
    "Kept": Literals({"STAMP": STAMP, "FORMAT": f"%0{STAMP}.0f%0{STAMP}.0f"}),
    "Mail": Literals({kind.name: kind.value for kind in MailKind}),
    "How": Literals({how.name: how.value for how in How}),
    "Why": Literals({why.name: why.value for why in Why}),
}

_encode = msgspec.msgpack.Encoder().encode
_decode_job = msgspec.msgpack.Decoder(Job).decode
_decode_outcome = msgspec.msgpack.Decoder(KeptOutcome).decode


def end_words(end: Report, turn: int) -> tuple[str | int, ...]:
    """An end as a turn takes it, with the turn that had claimed the job."""
    state: str = end.state
    if end.uncounted or end.dead or end.undone:
        state = "postponed" if end.uncounted else "dead" if end.dead else "undone"
    return end.id, turn, state, end.payload, end.delay, end.problem


def turn_words(turn: Turn) -> list[Any]:
    """What a turn has to tell: its ends, progresses and checkpoints, each list after its length."""
    words: list[Any] = [len(turn.ends)]
    for end, claimed in turn.ends:
        words.extend(end_words(end, claimed))
    words.append(len(turn.progress))
    for said in turn.progress:
        words.extend(said)
    words.append(len(turn.checkpoints))
    for checkpoint in turn.checkpoints:
        words.extend(checkpoint)
    return words


def held_words(claim: Claim, kept: bytes) -> tuple[str | bytes | int, ...]:
    """A claim that a worker wants to go on with."""
    return claim.id, claim.attempt, claim.started, kept, claim.starts


def kept_job(claim: Claim) -> bytes:
    """The job as the store keeps it."""
    return b"%0*d%0*d%b" % (STAMP, claim.created, STAMP, claim.deadline, _encode(claim.job))


def read_outcome(id: str, data: bytes) -> Outcome:
    """The outcome of a job, from what `kept_outcome` or ``settle.lua`` wrote."""
    kept = _decode_outcome(data)
    past = len(kept.history)
    # its attempts, and those starts that counted as none; 0 if some are not kept
    starts = past + 1 if kept.started > 0 else past
    if starts < kept.attempts:
        starts = kept.attempts
    times = kept.created, kept.started, kept.finished, kept.expires
    how = kept.attempts, kept.payload, kept.follows, kept.durable
    return Outcome(id, kept.name, kept.state, *times, *how, starts if past < MOST_PAST else 0)


def kept_outcome(outcome: Outcome, owner: str, history: tuple[PastAttempt, ...] = ()) -> bytes:
    """The outcome of an owner's job as the store keeps it, with its attempts before the last."""
    times = outcome.created, outcome.started, outcome.finished, outcome.expires
    how = outcome.attempts, outcome.payload, outcome.follows
    kept = KeptOutcome(
        outcome.name, owner, outcome.state, *times, *how, history=history, durable=outcome.durable
    )
    return _encode(kept)


@TURNED.reads
def read_turned(more: int, due: int, refused: list[bytes], claims: list[Any], alone: int) -> Turned:
    """The answer to a turn."""
    taken = [*starmap(read_claim, CLAIM.rows(claims))]
    return Turned(taken, [*map(bytes.decode, refused)], bool(more), due / 1000, bool(alone))


@CLAIM.reads
def read_claim(id: bytes, kept: bytes, attempt: int, starts: int, started: int, checkpoint: bytes) -> Claim:
    """A claim, as a turn hands it out."""
    return claim_of(id.decode(), kept, attempt, started, starts, checkpoint.decode())


def claim_of(id: str, kept: bytes, attempt: int, started: int, starts: int, left: str) -> Claim:
    """The claim of a job as it is kept."""
    created, latest = int(kept[:STAMP]), kept[STAMP : 2 * STAMP]
    deadline = 0 if latest == _NEVER else int(latest)
    try:
        job = _decode_job(kept[2 * STAMP :])
        if job.arguments.startswith("["):
            job = _with_envelope(job)
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        job = UNREADABLE  # the claims beside it are not to suffer
    return Claim(id, job, attempt, created, deadline, started, starts, left)


def _with_envelope(job: Job) -> Job:
    """A job that was given an outcome has it, as the store keeps it, in place of its arguments."""
    id, *kept = msgspec.json.decode(job.arguments)
    shown = envelope.of_outcome(read_outcome(id, msgspec.msgpack.encode(kept)))
    return msgspec.structs.replace(job, arguments=arguments_of_then(shown, job.notify))


def arguments_of_then(shown: bytes, notify: str) -> str:
    """The arguments of a job that is given an outcome, of the envelope that shows it, and of whom to notify."""
    more = f',"notify":{msgspec.json.encode(notify).decode()}' if notify else ""
    return f'{{"outcome":{shown.decode()}{more}}}'


@LEARNED.reads
def read_learned(scope: bytes, calls: int, window: int, pause: int) -> tuple[str, Learned]:
    """A scope and what was learned of its limit, of a row of `LEARNED`."""
    return scope.decode("utf-8", "replace"), Learned(Rate(calls, window / 1000), pause / 1000)


def read_catalogue(now: int, version: int, flat: list[Any]) -> Definitions:
    """The catalogue at a time (ms), from rows of `SERVED`."""
    declared, overdue = {}, {}
    for name, text, until in SERVED.rows(flat):
        shown = name.decode("utf-8", "replace")
        declared[shown], overdue[shown] = text, (now - until) / 1000
    return Definitions(version, declared, overdue)
