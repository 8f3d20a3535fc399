"""The verbs of the store, on a real server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import gatherResults
from twisted.logger import LogEvent

from relay.model.job import Claim, Job
from relay.model.problems.request import KeyReused, NoSuchJob, QueueFull, StoreAway, StoreReset
from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.messages import (
    Definitions,
    Fenced,
    JobDefinition,
    LimitDefinition,
    Receipt,
    Report,
    Submission,
    Turn,
    Turned,
)
from relay.store.roster import Roster
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store

SERVES = ("echo", "tell")


def declared(name: str, queue: str = "default", limit: LimitDefinition | None = None) -> JobDefinition:
    return JobDefinition(name, queue, 0, 1, False, limit, None, {"type": "object"})


def roster(*names: str) -> Roster:
    return Roster(declared(name) for name in names)


def a_job(**changed: object) -> Job:
    fields: dict[str, object] = {
        "name": "echo",
        "queue": "default",
        "owner": "me",
        "inbox": "front",
        "priority": 0,
    }
    fields |= {"attempts": 1, "key": "", "fingerprint": "", "once": False, "trace": "", "arguments": "{}"}
    return Job(**{**fields, **changed})  # type: ignore[arg-type]


async def submit(store: Store, **changed: object) -> str:
    await store.sweep()
    receipt = await store.submit(Submission(store.mint(), a_job(**changed)))
    return receipt.id


class Session:
    """A worker's side of the dialogue, a turn at a time."""

    def __init__(self, store: Store, name: str = "worker.1", serves: tuple[str, ...] = SERVES) -> None:
        self.store, self.name, self.roster = store, name, roster(*serves)
        self.number = 1
        self.claimed: dict[str, int] = {}

    async def open(self, old: str = "", *claims: Claim) -> Session:
        await self.store.sweep()
        self.adopted = await self.store.adopt(old, self.name, 1, self.roster, claims)
        self.claimed = dict.fromkeys(self.adopted, 1)
        return self

    async def turn(self, want: int = 10, *ends: Report, number: int = 0, **beside: Any) -> Turned:
        self.number = number or self.number + 1
        said = tuple((end, self.claimed.get(end.id, 0)) for end in ends)
        held = self.claimed.keys() - {end.id for end in ends}
        turn = Turn(self.number, want, said, holds=len(held), **beside)
        turned = await self.store.turn(self.name, turn)
        self.claimed = {id: self.claimed[id] for id in held} | {c.id: self.number for c in turned.claims}
        return turned


def succeeded(turned: Turned, payload: str = "1") -> list[Report]:
    return [Report(claim.id, State.SUCCEEDED, payload) for claim in turned.claims]


@ensureDeferred
async def test_a_job_goes_from_queued_to_running_to_its_outcome(front: Store, worker: Store) -> None:
    id = await submit(front, arguments='{"a":"é"}')
    waiting = await front.look("me", id)
    assert isinstance(waiting, JobStatus)
    assert (waiting.state, waiting.position, waiting.attempts) == (State.QUEUED, 1, 0)
    session = await Session(worker).open()
    turned = await session.turn()
    (claim,) = turned.claims
    assert (claim.id, claim.attempt, claim.job.arguments) == (id, 1, '{"a":"é"}')
    running = await front.look("me", id)
    assert isinstance(running, JobStatus)
    assert (running.state, running.attempts) == (State.RUNNING, 1)
    assert running.started >= running.created
    await session.turn(10, *succeeded(turned, '{"r":"é"}'))
    outcome = await front.look("me", id)
    assert isinstance(outcome, Outcome)
    assert (outcome.state, outcome.payload, outcome.attempts) == (State.SUCCEEDED, '{"r":"é"}', 1)
    assert outcome.created <= outcome.started <= outcome.finished
    assert outcome.expires == outcome.finished + 60_000


@ensureDeferred
async def test_nothing_but_the_outcome_is_left_of_a_job_that_ended(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front, key="digest")
    session = await Session(worker).open()
    await session.turn(10, *succeeded(await session.turn()))
    for key in ("job", "run", "tries", "wait", "progress", "delay", "deadline", "ready:echo"):
        assert not redis.client.exists(f"{{r0}}:{key}"), key
    assert 0 < redis.client.ttl(f"{{r0}}:result:{id}") <= 60
    assert 0 < redis.client.ttl("{r0}:idem:digest") <= 60


@ensureDeferred
async def test_jobs_are_another_owners_business(front: Store, worker: Store) -> None:
    id = await submit(front)
    for verb in (front.look, front.attach, front.cancel):
        with pytest.raises(NoSuchJob):
            await verb("somebody else", id)
    session = await Session(worker).open()
    await session.turn(10, *succeeded(await session.turn()))
    with pytest.raises(NoSuchJob):
        await front.look("somebody else", id)


# -- queues --


@ensureDeferred
async def test_queues_are_first_come_first_served_within_a_priority(front: Store, worker: Store) -> None:
    ids = [await submit(front, priority=p) for p in (0, 5, 0, -256, 255, 5)]
    session = await Session(worker).open()
    claims = (await session.turn(6)).claims
    assert [ids.index(claim.id) for claim in claims] == [4, 1, 5, 0, 2, 3]


@ensureDeferred
async def test_a_job_goes_only_to_a_session_that_serves_its_name(front: Store, worker: Store) -> None:
    ids = {name: [await submit(front, name=name) for _ in range(2)] for name in ("a", "b", "c")}
    session = await Session(worker, serves=("a", "b")).open()
    assert {c.id for c in (await session.turn()).claims} == {*ids["a"], *ids["b"]}
    turned = await session.turn()
    assert (turned.claims, turned.more) == ([], False)
    other = await Session(worker, "worker.2", serves=("c",)).open()
    assert [c.id for _ in ids["c"] for c in (await other.turn()).claims] == ids["c"]


@ensureDeferred
async def test_what_came_first_goes_first_whatever_its_name_and_priority_comes_before_that(
    front: Store, worker: Store
) -> None:
    line = [("a", 0), ("b", 0), ("a", 5), ("c", -1), ("b", 5), ("a", 0), ("c", 0)]
    ids = [await submit(front, name=name, priority=priority) for name, priority in line]
    session = await Session(worker, serves=("a", "b", "c")).open()
    taken = [(await session.turn(1)).claims[0].id for _ in line]
    assert [ids.index(id) for id in taken] == [2, 4, 0, 1, 5, 6, 3]


@ensureDeferred
async def test_the_last_of_a_name_that_is_cancelled_leaves_nothing_behind(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    for lane in ("", "@api"):
        id = await submit(front, lane=lane)
        await front.cancel("me", id)
    left = [key for key in redis.client.keys("{r0}:*") if b"lane" in key or b"ready" in key]
    assert left == []
    assert not redis.client.exists("{r0}:heads", "{r0}:shut")


@ensureDeferred
async def test_more_than_one_script_may_claim_are_claimed_by_the_next(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    sent = [front.submit(Submission(front.mint(), a_job(name=f"job{n % 3}"))) for n in range(1000)]
    await gatherResults(sent)
    session = await Session(worker, serves=("job0", "job1", "job2")).open()
    sizes = [len((await session.turn(20_000)).claims) for _ in range(3)]
    assert sizes == [100, 100, 100]
    assert redis.client.zcard("{r0}:held:worker.1") == 300


@ensureDeferred
async def test_names_that_nobody_serves_hide_no_other(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front)
    redis.client.zadd("{r0}:heads", {f"nobodys{n}": -1 - n for n in range(1200)})
    session = await Session(worker).open()
    assert [c.id for c in (await session.turn()).claims] == [id]


@ensureDeferred
async def test_a_record_that_can_not_be_read_stops_no_other_job(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    kinds = {"ready": {}, "delayed": {"delay": 1}, "late": {"delay": 60_000, "deadline": 1}}
    odd = {
        (await front.submit(Submission(front.mint(), a_job(), **times))).id: kind
        for kind, times in kinds.items()
    }
    session = await Session(worker).open()
    held = [claim.id for claim in (await session.turn(1)).claims]
    for id in odd:
        redis.client.hset("{r0}:job", id, b"0" * 26 + b"\xc1 not a record")
    fine = await submit(front)
    while redis.client.exists("{r0}:delay"):
        await front.sweep()
    turned = await session.turn(10, *[Report(id, State.SUCCEEDED, "1") for id in held])
    assert fine in [claim.id for claim in turned.claims]
    await session.turn(0, *succeeded(turned))
    assert isinstance(await front.look("me", fine), Outcome)


@ensureDeferred
async def test_large_jobs_are_claimed_a_few_at_a_time(make_store: MakeStore, worker: Store) -> None:
    front = make_store("front")
    ids = [await submit(front, arguments=f'{{"x":"{"x" * 300_000}"}}') for _ in range(6)]
    session = await Session(worker).open()
    first = await session.turn(6)
    assert [c.id for c in first.claims] == ids[:4]
    assert first.more
    assert [c.id for c in (await session.turn(6)).claims] == ids[4:]


@ensureDeferred
async def test_sessions_share_what_is_there(front: Store, worker: Store) -> None:
    for _ in range(8):
        await submit(front)
    one, other = await Session(worker).open(), await Session(worker, "worker.2").open()
    assert len((await one.turn(100)).claims) == 4
    assert len((await other.turn(100)).claims) == 2


@ensureDeferred
async def test_the_queue_has_a_limit(make_store: MakeStore) -> None:
    front = make_store("front", queue_limit=2)
    await submit(front)
    await submit(front)
    with pytest.raises(QueueFull):
        await submit(front, key="k")
    with pytest.raises(NoSuchJob):
        await front.find("k")


@ensureDeferred
async def test_submissions_of_one_moment_travel_together(redis: RedisProcess, front: Store) -> None:
    await front.sweep()
    await front.submit(Submission(front.mint(), a_job()))  # Redis has the function from now on
    before = redis.client.info("commandstats")
    receipts = await gatherResults([front.submit(Submission(front.mint(), a_job())) for _ in range(700)])
    assert len({receipt.id for receipt in receipts}) == 700
    # the first alone, the others in groups of 32
    after = redis.client.info("commandstats")
    assert after["cmdstat_fcall"]["calls"] - before["cmdstat_fcall"]["calls"] <= 1 + 22
    assert after["cmdstat_evalsha"] == before["cmdstat_evalsha"]


# -- turns --


@ensureDeferred
async def test_the_same_turn_again_answers_the_same_and_changes_nothing(front: Store, worker: Store) -> None:
    for _ in range(4):
        await submit(front)
    session = await Session(worker).open()
    first = await session.turn(2)
    again = await session.turn(2, number=2)
    assert again.claims == first.claims
    await session.turn(0, *succeeded(first))
    repeated = await session.turn(0, *succeeded(first), number=3)
    assert repeated.refused == []


@ensureDeferred
async def test_an_earlier_turn_is_refused(worker: Store) -> None:
    session = await Session(worker).open()
    await session.turn()
    await session.turn()
    with pytest.raises(Fenced):
        await session.turn(number=1)


@ensureDeferred
async def test_a_session_that_is_not_known_is_fenced(worker: Store) -> None:
    await worker.sweep()
    with pytest.raises(Fenced):
        await Session(worker).turn()


@ensureDeferred
async def test_only_the_holder_of_an_attempt_can_end_it(front: Store, worker: Store) -> None:
    id = await submit(front)
    one, other = await Session(worker).open(), await Session(worker, "worker.2").open()
    (claim,) = (await one.turn()).claims
    other.claimed[id] = right = one.claimed[id]
    foreign = await other.turn(0, Report(id, State.SUCCEEDED, "2"))
    assert foreign.refused == [id]
    one.claimed[id] = right + 7
    wrong_turn = await one.turn(0, Report(claim.id, State.SUCCEEDED, "3"))
    assert wrong_turn.refused == [id]
    one.claimed[id] = right
    assert (await one.turn(0, Report(id, State.SUCCEEDED, "1"))).refused == []
    assert (await one.turn(0, Report(id, State.SUCCEEDED, "4"))).refused == [id]
    outcome = await front.look("me", id)
    assert isinstance(outcome, Outcome)
    assert outcome.payload == "1"


@ensureDeferred
async def test_a_failed_attempt_is_scheduled_and_comes_back(front: Store, worker: Store) -> None:
    id = await submit(front, attempts=2)
    session = await Session(worker).open()
    await session.turn()
    turned = await session.turn(0, Report(id, State.SCHEDULED, delay=50))
    assert 0 <= turned.due <= 0.05
    standing = await front.look("me", id)
    assert isinstance(standing, JobStatus)
    assert (standing.state, standing.attempts) == (State.SCHEDULED, 1)
    while not (turned := await session.turn()).claims:
        pass
    assert (turned.claims[0].id, turned.claims[0].attempt) == (id, 2)


@ensureDeferred
async def test_a_job_given_back_keeps_its_place_and_its_attempts(front: Store, worker: Store) -> None:
    first, second = await submit(front), await submit(front)
    session = await Session(worker).open()
    await session.turn(1)
    turned = await session.turn(2, Report(first, State.QUEUED))
    assert [(c.id, c.attempt) for c in turned.claims] == [(first, 1), (second, 1)]


@ensureDeferred
async def test_whoever_leaves_gives_back_what_it_holds(front: Store, worker: Store) -> None:
    first, second = await submit(front), await submit(front)
    session = await Session(worker).open()
    await session.turn(1)
    assert await worker.leave("worker.1") == [first]
    with pytest.raises(Fenced):
        await session.turn()
    other = await Session(worker, "worker.2").open()
    assert [(c.id, c.attempt) for c in (await other.turn()).claims] == [(first, 1), (second, 1)]


@ensureDeferred
async def test_progress_is_told_while_the_job_runs(front: Store, worker: Store) -> None:
    id = await submit(front)
    session = await Session(worker).open()
    await session.turn()
    turn = Turn(3, 0, progress=((id, '{"fraction":0.5}'), ("0-unknown", "{}")))
    await worker.turn("worker.1", turn)
    standing = await front.look("me", id)
    assert isinstance(standing, JobStatus)
    assert standing.progress == '{"fraction":0.5}'


# -- keys --


async def submit_with_key(store: Store, fingerprint: str = "f", **changed: object) -> Receipt:
    await store.sweep()
    return await store.submit(
        Submission(store.mint(), a_job(key="digest", fingerprint=fingerprint, **changed))
    )


@ensureDeferred
async def test_a_key_stands_for_one_job_while_it_lives_and_after_it_ended(
    front: Store, worker: Store
) -> None:
    first = await submit_with_key(front)
    assert first.new
    again = await submit_with_key(front)
    assert (again.id, again.new, again.outcome) == (first.id, False, None)
    assert await front.find("digest") == first.id
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn()))
    done = await submit_with_key(front)
    assert done.outcome is not None
    assert (done.id, done.outcome.payload) == (first.id, "1")


@ensureDeferred
async def test_a_key_with_other_arguments_is_refused(front: Store) -> None:
    await submit_with_key(front)
    with pytest.raises(KeyReused):
        await submit_with_key(front, fingerprint="other")


@ensureDeferred
async def test_a_key_in_one_batch_with_itself_makes_one_job(redis: RedisProcess, front: Store) -> None:
    await front.sweep()
    job = a_job(key="digest", fingerprint="f")
    receipts = await gatherResults([front.submit(Submission(front.mint(), job)) for _ in range(9)])
    assert len({receipt.id for receipt in receipts}) == 1
    assert redis.client.hlen("{r0}:job") == 1


@ensureDeferred
async def test_a_submission_sent_again_after_a_lost_answer_is_the_same_job(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    submission = Submission(front.mint(), a_job())
    session = await Session(worker).open()

    async def send(again: bool) -> Receipt:
        (receipt,) = await front.submissions.send([submission], again)
        assert isinstance(receipt, Receipt)
        assert (receipt.id, receipt.new) == (submission.id, True)
        return receipt

    await send(again=False)
    await send(again=True)
    turned = await session.turn()
    await send(again=True)
    assert not redis.client.exists("{r0}:ready:echo")  # it runs already
    await session.turn(0, *succeeded(turned))
    receipt = await send(again=True)
    assert receipt.outcome is not None  # and has ended by now
    assert not redis.client.exists("{r0}:job", "{r0}:ready:echo")


# -- time --


@ensureDeferred
async def test_a_delayed_job_is_not_there_before_its_time(front: Store, worker: Store) -> None:
    await front.sweep()
    id = (await front.submit(Submission(front.mint(), a_job(), delay=80))).id
    session = await Session(worker).open()
    assert not (await session.turn()).claims
    while not (turned := await session.turn()).claims:
        pass
    assert turned.claims[0].id == id


@ensureDeferred
async def test_a_sweep_of_any_process_lets_deadlines_pass(front: Store) -> None:
    await front.sweep()
    id = (await front.submit(Submission(front.mint(), a_job(), deadline=1))).id
    while isinstance(known := await front.look("me", id), JobStatus):
        await front.sweep()
    assert known.state is State.EXPIRED
    assert known.started == 0


@ensureDeferred
async def test_a_job_whose_deadline_has_passed_is_not_claimed(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await front.sweep()
    id = (await front.submit(Submission(front.mint(), a_job(), deadline=1))).id
    other = await submit(front)
    session = await Session(worker).open()
    while await front.moment() <= 1 + (await front.look("me", other)).created:
        pass
    redis.client.delete("{r0}:deadline")  # so many expire that its turn has not come
    assert [c.id for c in (await session.turn()).claims] == [other]
    known = await front.look("me", id)
    assert isinstance(known, Outcome)
    assert (known.state, known.started, known.attempts) == (State.EXPIRED, 0, 0)


@ensureDeferred
async def test_a_job_that_is_running_is_left_to_its_worker_at_its_deadline(
    front: Store, worker: Store
) -> None:
    await front.sweep()
    id = (await front.submit(Submission(front.mint(), a_job(), deadline=5000))).id
    session = await Session(worker).open()
    (claim,) = (await session.turn()).claims
    assert claim.deadline > 0
    standing = await front.look("me", id)
    assert isinstance(standing, JobStatus)
    assert standing.state is State.RUNNING


# -- cancel --


@ensureDeferred
@pytest.mark.parametrize("delay", [0, 60_000])
async def test_a_waiting_job_is_cancelled_at_once(front: Store, worker: Store, delay: int) -> None:
    await front.sweep()
    id = (await front.submit(Submission(front.mint(), a_job(), delay=delay))).id
    before, after = await front.cancel("me", id)
    assert isinstance(before, JobStatus)
    assert after is not None
    assert after.state is State.CANCELLED
    assert not (await (await Session(worker).open()).turn()).claims
    assert (await front.cancel("me", id))[0] == after


@ensureDeferred
async def test_the_worker_of_a_running_job_is_asked_to_cancel_it(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front)
    await (await Session(worker).open()).turn()
    before, after = await front.cancel("me", id)
    assert isinstance(before, JobStatus)
    assert before.state is State.RUNNING
    assert after is None
    mail = [pair for _, entry in redis.client.xrange("{r0}:inbox:worker") for pair in entry.items()]
    assert (id.encode(), b"c") in mail


@ensureDeferred
@pytest.mark.parametrize("how", ["dies", "leaves", "gives back", "tries again"])
async def test_a_cancel_that_the_worker_did_not_hear_of_holds(
    redis: RedisProcess, front: Store, worker: Store, how: str
) -> None:
    id = await submit(front, attempts=2)
    session = await Session(worker).open()
    await session.turn()
    await front.cancel("me", id)
    if how == "dies":
        await front.reap("worker")
    elif how == "leaves":
        await worker.leave("worker.1")
    else:
        state = State.QUEUED if how == "gives back" else State.SCHEDULED
        await session.turn(0, Report(id, state))
    known = await front.look("me", id)
    assert isinstance(known, Outcome)
    assert (known.state, known.attempts) == (State.CANCELLED, 1)
    assert not redis.client.exists("{r0}:cancel", "{r0}:job", "{r0}:ready:echo")


@ensureDeferred
async def test_a_worker_that_goes_on_hears_of_a_cancel_once_more(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front)
    session = await Session(worker).open()
    claims = (await session.turn()).claims
    await front.cancel("me", id)
    redis.client.delete("{r0}:inbox:worker")  # before it was read
    await Session(worker, "worker.2").open("worker.1", *claims)
    mail = [pair for _, entry in redis.client.xrange("{r0}:inbox:worker") for pair in entry.items()]
    assert (id.encode(), b"c") in mail


@ensureDeferred
async def test_every_start_is_counted_and_attempts_are_those_that_were_not_given_back(
    front: Store, worker: Store
) -> None:
    id = await submit(front, attempts=3)
    session = await Session(worker).open()
    counted = []
    for end in (
        Report(id, State.QUEUED),
        Report(id, State.SCHEDULED),
        Report(id, State.SCHEDULED, uncounted=True),
        Report(id, State.SUCCEEDED, "1"),
    ):
        (claim,) = (await session.turn(1)).claims
        counted.append((claim.attempt, claim.starts))
        assert claim.started >= claim.created
        await session.turn(0, end)
    assert counted == [(1, 1), (1, 2), (2, 3), (2, 4)]


# -- who is told --


@ensureDeferred
async def test_every_inbox_that_waits_is_told_once(
    redis: RedisProcess, make_store: MakeStore, worker: Store
) -> None:
    fronts = [make_store(f"front{n}") for n in range(3)]
    for store in fronts:
        await store.sweep()
    id = await submit(fronts[0], inbox="front0")
    for store in fronts:
        await store.attach("me", id)
        await store.attach("me", id)
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn()))
    for store in fronts:
        told = [field for _, entry in redis.client.xrange(f"{{r0}}:inbox:{store.inbox}") for field in entry]
        assert told.count(id.encode()) == 1


@ensureDeferred
async def test_an_inbox_that_is_gone_is_not_made_again_by_writers(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await submit(front, inbox="gone")
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn()))
    assert not redis.client.exists("{r0}:inbox:gone")


@ensureDeferred
async def test_a_large_outcome_is_told_by_reference(redis: RedisProcess, front: Store, worker: Store) -> None:
    id = await submit(front)
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn(), '"' + "x" * 5000 + '"'))
    *_, (_, entry) = redis.client.xrange("{r0}:inbox:front")
    assert entry == {id.encode(): b"r"}
    outcome = await front.fetch(id)
    assert outcome is not None
    assert len(outcome.payload) == 5002


@ensureDeferred
async def test_idle_sessions_are_woken_by_new_work_and_only_they(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session = await Session(worker).open()
    await session.turn()
    await submit(front)
    await submit(front)
    wakes = [entry for _, entry in redis.client.xrange("{r0}:inbox:worker") if entry.get(b"-") == b"w"]
    assert len(wakes) == 1


# -- the catalogue --


@ensureDeferred
async def test_what_workers_publish_is_known_with_a_version_that_changes_with_it(
    front: Store, worker: Store
) -> None:
    served = declared("echo")
    await worker.publish(Roster([served]))
    first = await front.catalogue()
    assert msgspec.json.decode(first.declared["echo"], type=JobDefinition) == served
    assert -30 <= first.overdue["echo"] < -29
    await worker.publish(Roster([served]))
    assert (await front.catalogue()).version == first.version
    await worker.publish(Roster([declared("echo", "other")]))
    assert (await front.catalogue()).version == first.version + 1
    assert (await front.sweep()).version == first.version + 1


async def publish_old_and_new(redis: RedisProcess, old: Store, new: Store) -> list[Roster]:
    """Two workers that declare one name differently, the second of which began later."""
    rosters = [Roster([declared("echo", queue)]) for queue in ("old", "new")]
    await old.publish(rosters[0])
    old.parts[0]._published_since -= 1  # a millisecond before
    redis.client.hset("{r0}:declared", "echo", f"old {old.parts[0]._published_since} 9999999999999")
    await new.publish(rosters[1])
    return rosters


def queue_of(catalogue: Definitions) -> str:
    (text,) = catalogue.declared.values()
    return msgspec.json.decode(text, type=JobDefinition).queue


@ensureDeferred
async def test_the_newest_declaration_counts_while_old_workers_say_theirs(
    redis: RedisProcess, make_store: MakeStore
) -> None:
    old, new = make_store("old"), make_store("new")
    rosters = await publish_old_and_new(redis, old, new)
    version = (await new.catalogue()).version
    for _ in range(2):
        await old.publish(rosters[0])
        await new.publish(rosters[1])
    known = await new.catalogue()
    assert (known.version, queue_of(known)) == (version, "new")


def described(text: str) -> Roster:
    return Roster([msgspec.structs.replace(declared("echo"), description=text)])


@ensureDeferred
async def test_of_two_descriptions_the_newest_is_told_and_both_workers_get_jobs(
    redis: RedisProcess, make_store: MakeStore, front: Store
) -> None:
    old, new = make_store("old"), make_store("new")
    sessions = [await Session(store, f"{store.inbox}.1").open() for store in (old, new)]
    rosters = [described("old"), described("new")]
    await old.publish(rosters[0])
    old.parts[0]._published_since -= 1  # a millisecond before
    mark, _, until = declaration(redis)
    redis.client.hset("{r0}:declared", "echo", f"{mark} {old.parts[0]._published_since} {until}")
    redis.client.delete(f"{{r0}}:promise:{rosters[0].digest}")
    await new.publish(rosters[1])
    version = (await front.catalogue()).version
    for _ in range(2):
        redis.client.delete(f"{{r0}}:promise:{rosters[0].digest}")
        await old.publish(rosters[0])
        redis.client.delete(f"{{r0}}:promise:{rosters[0].digest}")
        await new.publish(rosters[1])
    known = await front.catalogue()
    (text,) = known.declared.values()
    assert (msgspec.json.decode(text, type=JobDefinition).description, known.version) == ("new", version)
    for session, held in zip(sessions, rosters, strict=True):
        await session.store.adopt("", session.name, 1, held, [])
        id = await submit(front)
        assert [claim.id for claim in (await session.turn()).claims] == [id]


@ensureDeferred
async def test_a_job_goes_only_to_workers_with_the_newest_declaration_of_it(
    redis: RedisProcess, make_store: MakeStore, front: Store
) -> None:
    old, new = make_store("old"), make_store("new")
    sessions = [await Session(store, f"{store.inbox}.1").open() for store in (old, new)]
    rosters = await publish_old_and_new(redis, old, new)
    for session, held in zip(sessions, rosters, strict=True):
        await session.store.adopt("", session.name, 1, held, [])
    id = await submit(front)
    assert [len((await session.turn()).claims) for session in sessions] == [0, 1]
    await sessions[1].turn(0, Report(id, State.QUEUED))
    redis.client.hset("{r0}:declared", "echo", " ".join((*declaration(redis)[:2], "1")))  # it is gone
    redis.client.delete(f"{{r0}}:promise:{rosters[0].digest}")  # and some time passes
    await old.publish(rosters[0])
    assert [c.id for c in (await sessions[0].turn()).claims] == [id]


def declaration(redis: RedisProcess) -> list[str]:
    return str(redis.client.hget("{r0}:declared", "echo").decode()).split()


@ensureDeferred
async def test_what_nobody_serves_any_more_goes_away(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    await worker.publish(roster("echo", "gone"))
    redis.client.zadd("{r0}:served", {"gone": 1})
    version = (await front.catalogue()).version
    assert (await front.sweep()).version == version + 1
    assert list((await front.catalogue()).declared) == ["echo"]
    assert not redis.client.exists("{r0}:takers:gone")


# -- the epoch --


@ensureDeferred
async def test_an_unknown_id_is_told_apart_by_the_epoch_of_its_store(
    redis: RedisProcess, front: Store
) -> None:
    id = await submit(front)
    redis.client.flushall()
    other = await submit(front)
    assert isinstance(await front.look("me", other), JobStatus)
    with pytest.raises(StoreReset):
        await front.look("me", id)
    with pytest.raises(NoSuchJob):
        await front.look("me", front.mint())


@ensureDeferred
async def test_a_submission_that_meets_another_epoch_is_taken_under_its_id(
    redis: RedisProcess, front: Store
) -> None:
    id = front.mint() if front.partition.epoch else await submit(front)
    redis.client.set("{r0}:epoch", "another")
    submission = Submission(front.mint(), a_job())
    assert (await front.submit(submission)).id == submission.id
    assert front.partition.epoch == "another"
    assert isinstance(await front.look("me", submission.id), JobStatus)
    assert isinstance(await front.look("me", id), JobStatus)


@ensureDeferred
async def test_a_server_that_was_started_anew_has_another_epoch(redis: RedisProcess, front: Store) -> None:
    id = await submit(front)
    epoch = front.partition.epoch
    redis.client.set("{r0}:server", "the one before")
    front.partition._opening.anew()
    await front.sweep()
    assert front.partition.epoch != epoch
    assert isinstance(await front.look("me", id), JobStatus)


@ensureDeferred
async def test_a_database_of_another_version_is_not_touched(
    redis: RedisProcess, make_store: MakeStore, no_logged_failures: list[LogEvent]
) -> None:
    redis.client.sadd("{r0}:queues", "default")  # as the first version left it
    store = make_store("front")
    told: list[str] = []
    store.partition.on_unfit = told.append
    with pytest.raises(StoreAway):
        await store.sweep()
    assert "another version of relay" in told[0]
    assert redis.client.keys() == [b"{r0}:queues"]
    no_logged_failures.clear()


@ensureDeferred
async def test_a_script_of_another_epoch_changes_nothing(redis: RedisProcess, front: Store) -> None:
    await front.sweep()
    redis.client.flushall()
    redis.client.set("{r0}:epoch", "another")
    redis.client.set("{r0}:server", redis.client.info()["run_id"])
    with pytest.raises(StoreReset):
        await front.partition.run("sweep", ("front", 1000, "1 1 1", 1000, 1, 1, 1))
    assert sorted(redis.client.keys()) == [b"{r0}:epoch", b"{r0}:server"]


@ensureDeferred
@pytest.mark.parametrize("id", ["", "0", "x", "1-aaaa-b", "0-a-b-c"])
async def test_what_is_no_id_is_no_job(front: Store, id: str) -> None:
    with pytest.raises(NoSuchJob):
        await front.look("me", id)


@ensureDeferred
async def test_scripts_that_redis_forgot_are_sent_again(redis: RedisProcess, front: Store) -> None:
    await submit(front)
    redis.client.script_flush()
    await submit(front)
    assert redis.client.zcard("{r0}:ready:echo") == 2


@ensureDeferred
async def test_a_job_that_did_nothing_leaves_its_key_as_if_it_had_not_been_used(
    front: Store, worker: Store
) -> None:
    first = await submit_with_key(front)
    session = await Session(worker).open()
    await session.turn()
    await session.turn(0, Report(first.id, State.FAILED, '{"type":"/problems/away"}', undone=True))
    outcome = await front.look("me", first.id)
    assert isinstance(outcome, Outcome)
    assert outcome.state is State.FAILED
    assert (await submit_with_key(front)).new
