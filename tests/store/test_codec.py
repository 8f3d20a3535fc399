"""What Python and Lua tell each other: both sides, on a real server, hold the same values in the same places."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pytest_twisted import ensureDeferred

from relay.model.job import Claim, Job, JobTemplate
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store import codec, scripts
from relay.store.expansion import arguments, expanded
from relay.store.keys import Keys
from relay.store.layout import Layout, ReplyLayout, lua
from relay.store.mail import MailKind
from relay.store.messages import DeadJob, PastAttempt, Report, Submission, Turn
from relay.store.submission_rows import ANY_NUMBER, submission_words
from tests.processes import RedisProcess
from tests.store.conftest import Store
from tests.store.test_store import Session

RECORDS = {name: record for name, record in codec.CONSTANTS.items() if isinstance(record, Layout)}
FOLLOW = JobTemplate("then", "q2", 3, 4, True, "@l2")
#: a value of its own in each field
JOB = Job(
    *("a", "b", "c", "", 7, 5, "d", "e", True, "f", '{"g":1}', "@lane"),
    *(FOLLOW, "h", True, "p", 2, "one", 6, 1_700_000_000_000),
)


def run(redis: RedisProcess, source: str, *words: Any, parts: tuple[str, ...] = ("arrays", "jobs")) -> Any:
    """What a piece of Lua returns, with these parts before it."""
    texts = [scripts.KEYS, *(expanded(scripts.read(part)) for part in parts), expanded(source)]
    return redis.client.eval("\n".join(texts), 2, *Keys().declared, *words)


@pytest.mark.parametrize("name", RECORDS)
def test_lua_has_the_fields_of_a_record_where_python_has_them(redis: RedisProcess, name: str) -> None:
    fields = RECORDS[name].fields
    places = run(redis, f"return {{{name}.COUNT, {', '.join(f'{name}.{field}_' for field in fields)}}}")
    assert places == [len(fields), *range(1, len(fields) + 1)]
    given = ", ".join(f"{field}_ = '{field}'" for field in reversed(fields))
    assert run(redis, f"return {name}{{{given}}}") == [field.encode() for field in fields]


def test_lua_reads_a_job_that_python_wrote(redis: RedisProcess) -> None:
    kept = codec.kept_job(Claim("0-x-1", JOB, 1, 1234, 5678))
    fields = ", ".join(f"job[Job.{field}_]" for field in Job.__struct_fields__)
    source = f"""\
    local job, created, deadline = fields_of(ARGV[1]), created_of(ARGV[1]), deadline_of(ARGV[1])
    return cmsgpack.pack({{created, deadline, {fields}}})"""
    assert msgspec.msgpack.decode(run(redis, source, kept)) == [1234, 5678, *msgspec.to_builtins(JOB)]


VALUES = msgspec.to_builtins(JOB)
#: of records by their fields: the head of those with more than 15 is longer
LENGTHS = [12, 15, 16, len(VALUES), len(VALUES) + 3]


@pytest.mark.parametrize("length", LENGTHS)
def test_lua_reads_jobs_of_other_versions(redis: RedisProcess, length: int) -> None:
    kept = b"0" * 2 * codec.STAMP + msgspec.msgpack.encode([*VALUES, "new", None, 8][:length])
    known = min(length, len(VALUES))
    source = f"local job = fields_of(ARGV[1]) return cmsgpack.pack(#job, unpack(job, 1, {known}))"
    unpacked = msgspec.msgpack.decode(b"\xdc" + (known + 1).to_bytes(2, "big") + run(redis, source, kept))
    assert unpacked == [known, *VALUES[:known]]


@pytest.mark.parametrize(
    "record", [b"", b"\x07", b"plain text", b"\xa1x", b"\xc1", b"\x80", b"\x90", b"\xdc\x00"]
)
def test_lua_does_not_read_what_is_no_job(redis: RedisProcess, record: bytes) -> None:
    whole = msgspec.msgpack.encode(VALUES)
    source = "local job = fields_of(ARGV[1]) return {job[Job.name], job[Job.arguments]}"
    assert run(redis, source, b"0" * 2 * codec.STAMP + record) == [b"", b"{}"]
    assert run(redis, source, b"0" * 2 * codec.STAMP + whole[: len(whole) // 3]) == [b"", b"{}"]


def test_python_reads_a_job_that_lua_wrote(redis: RedisProcess) -> None:
    values = dict(zip(Job.__struct_fields__, msgspec.to_builtins(JOB), strict=True)) | {"then": None}
    given = ", ".join(f"{field}_ = {lua(value)}" for field, value in values.items())
    packed = run(redis, f"return packed_job('', Job{{{given}}})")
    assert msgspec.msgpack.decode(packed, type=Job) == msgspec.structs.replace(JOB, then=None)


def test_a_job_of_lua_with_a_hole_is_still_an_array(redis: RedisProcess) -> None:
    packed = run(redis, "local job = Job{name = 'a'} job[Job.trace] = nil return packed_job('', job)")
    fields = msgspec.msgpack.decode(packed)
    assert fields[Job.__struct_fields__.index("trace")] == ""
    assert fields[Job.__struct_fields__.index("then")] is None
    assert len(fields) == len(Job.__struct_fields__)


@pytest.mark.parametrize(
    "odd", [b"", b"\xc1", b"\x90", msgspec.msgpack.encode([1, 2])], ids=["empty", "odd", "[]", "short"]
)
def test_what_is_not_a_job_is_nobodys_on_both_sides(redis: RedisProcess, odd: bytes) -> None:
    kept = b"0" * 26 + odd
    assert run(redis, "return packed_job('', fields_of(ARGV[1]))", kept) == msgspec.msgpack.encode(
        codec.UNREADABLE
    )
    assert codec.read_claim(b"0-x-1", kept, 1, 1, 1, b"").job == codec.UNREADABLE


def test_a_follow_gives_a_job_all_that_they_share(redis: RedisProcess) -> None:
    then = msgspec.msgpack.encode(FOLLOW)
    packed = run(
        redis,
        "local f = cmsgpack.unpack(ARGV[1]) return packed_job('', Job{JobTemplate = f, owner = 'me'})",
        then,
    )
    job = msgspec.msgpack.decode(packed, type=Job)
    shared = JobTemplate(*(getattr(job, field) for field in JobTemplate.__struct_fields__))
    assert (shared, job.owner, job.arguments) == (FOLLOW, "me", codec.UNREADABLE.arguments)


def test_a_follow_that_was_kept_before_its_record_grew_gives_a_job(redis: RedisProcess) -> None:
    older = msgspec.msgpack.encode(msgspec.to_builtins(FOLLOW)[:-2])
    packed = run(
        redis,
        "local f = cmsgpack.unpack(ARGV[1]) return packed_job('', Job{JobTemplate = f, owner = 'me'})",
        older,
    )
    job = msgspec.msgpack.decode(packed, type=Job)
    assert (job.lane, job.durable) == ("", False)


def test_python_reads_an_outcome_that_lua_wrote(redis: RedisProcess) -> None:
    given = "name = 'a', owner = 'b', state = 'failed', attempts = 5"
    given += ", created = 1, started = 2, finished = 3, expires = 4"
    packed = run(redis, f"return cmsgpack.pack(Outcome{{{given}, payload = 'p'}})")
    assert codec.read_outcome("0-x-1", packed) == Outcome(
        "0-x-1", "a", State.FAILED, 1, 2, 3, 4, 5, "p", starts=5
    )
    packed = run(redis, f"return cmsgpack.pack(Outcome{{{given}, payload = 'p', follows = true}})")
    assert codec.read_outcome("0-x-1", packed).follows


def test_lua_writes_the_letters_of_mail_that_python_reads(redis: RedisProcess) -> None:
    letters = ", ".join(f"Mail.{kind.name}" for kind in MailKind)
    assert [MailKind(letter.decode()) for letter in run(redis, f"return {{{letters}}}")] == list(MailKind)


# -- Python's rows --


def named(record: Layout, words: Any) -> dict[str, Any]:
    return dict(zip(record.fields, words, strict=True))


def test_python_writes_rows_in_the_order_of_their_records() -> None:
    row, job = map(msgspec.msgpack.decode, submission_words(Submission("id", JOB, 8, 9, debounce=3)))
    assert msgspec.convert(job, Job) == JOB
    submission = named(codec.SUBMISSION, row)
    assert (submission.pop("id"), submission.pop("job")) == ("id", "")
    assert [submission.pop(field) for field in ("delay", "deadline", "debounce")] == [8, 9, 3]
    assert submission.pop("caller") == f"0 0 {ANY_NUMBER} 1 hc"
    assert submission.pop("asks") is True
    assert submission == {field: getattr(JOB, field) for field in submission}
    end = named(codec.END, codec.end_words(Report("id", State.FAILED, "p", 6, problem="w"), 3))
    assert end == {"id": "id", "turn": 3, "state": "failed", "payload": "p", "delay": 6, "problem": "w"}
    held = named(codec.HELD, codec.held_words(Claim("id", JOB, 2, 1, 0, 4), b"kept"))
    assert held == {"id": "id", "attempt": 2, "started": 4, "kept": b"kept", "starts": 1}


def test_a_turn_tells_its_lists_each_after_its_length() -> None:
    turn = Turn(1, 2, ((Report("a", State.QUEUED), 3),), (("b", "{}"),), 0, (("c", 4, "[]"),))
    assert codec.turn_words(turn) == [1, "a", 3, "queued", "", 0, "", 1, "b", "{}", 1, "c", 4, "[]"]
    assert named(codec.CHECKPOINT, turn.checkpoints[0]) == {"id": "c", "turn": 4, "said": "[]"}
    assert named(codec.PROGRESS, turn.progress[0]) == {"id": "b", "said": "{}"}


@ensureDeferred
async def test_all_of_a_job_arrives_where_it_is_run_and_where_it_is_buried(
    front: Store, worker: Store
) -> None:
    session = await Session(worker, serves=("a",)).open()
    submission = Submission(front.mint(), JOB, deadline=60_000)
    await front.submit(submission)
    standing = await front.look(JOB.owner, submission.id)
    assert isinstance(standing, JobStatus)
    assert (standing.id, standing.name, standing.state, standing.position) == (
        submission.id,
        "a",
        State.QUEUED,
        1,
    )
    (claim,) = (await session.turn()).claims
    assert (claim.id, claim.job, claim.attempt, claim.starts) == (submission.id, JOB, 1, 1)
    assert claim.deadline == claim.created + 60_000
    assert claim.started >= claim.created
    await session.turn(0, Report(claim.id, State.FAILED, "why", dead=True))
    (letter,) = await front.dead()
    last = PastAttempt(1, claim.started, letter.died, "failed", "why", "worker")
    assert letter == DeadJob(claim.id, JOB, letter.died, "why", (), False, (last,), claim.created)
    outcome = await front.look(JOB.owner, submission.id)
    assert isinstance(outcome, Outcome)
    assert outcome.started == claim.started
    assert (outcome.payload, outcome.attempts, outcome.follows) == ("why", 1, True)
    assert outcome.created <= outcome.started <= outcome.finished < outcome.expires


# -- what is refused --


def test_a_reader_that_does_not_take_the_fields_is_refused() -> None:
    def read(id: bytes, turn: int) -> None: ...

    with pytest.raises(TypeError, match="does not take id, said"):
        codec.PROGRESS.reads(read)


REFUSED = {
    "a key": "return K.nothing",
    "a family": "return named('nothing', 1)",
    "an argument": "return ARG.nothing",
    "a field": "return job[Job.nothing]",
    "a field of a row": "return Progress{id = 1, said = 2, nothing = 3}",
    "a constant": "return Mail.NOTHING",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_word_that_is_not_known_is_refused(kind: str) -> None:
    with pytest.raises(LookupError, match=r"(?i)nothing"):
        expanded(REFUSED[kind])


@pytest.mark.parametrize(
    ("row", "why"),
    [("{id = 1}", "leaves out said"), ("{1, 2}", "without a name"), ("{id = 1", "does not end")],
    ids=["short", "nameless", "open"],
)
def test_a_row_that_is_not_whole_is_refused(row: str, why: str) -> None:
    with pytest.raises(LookupError, match=why):
        expanded(f"return Progress{row}")


def test_a_row_may_hold_all_that_lua_has_and_keeps_its_lines() -> None:
    source = "f(Progress{\n  said = '}, {' .. g({1, 2}), -- why\n"
    source += "  id = Checkpoint{id = 1, turn = h(2, 3), said = K.job}[1],\n})\n"
    found = expanded(source)
    assert found.replace("\n", "") == "f({{1, h(2, 3), TAG .. 'job'}[1], '}, {' .. g({1, 2})})"
    assert found.count("\n") == source.count("\n")


def test_comments_are_left_out_and_strings_are_not() -> None:
    assert expanded("local a = '--x' -- K.nothing\n") == "local a = '--x'\n"


def test_arguments_are_those_of_the_head() -> None:
    head = "-- arguments: tag, epoch, one (ms, or\n--            nothing), two, then for each: three, four\n"
    head += "-- answer:    five\n"
    assert arguments(head) == ["tag", "epoch", "one", "two"]
    assert expanded(head + "return {ARG.two, ARG.REST}").strip() == "return {ARGV[4], 5}"


def test_an_answer_has_its_status_and_time_in_front() -> None:
    assert ReplyLayout("a b").row({"b": "2", "a": "1"}) == "{'OK', now, seq, 1, 2}"
