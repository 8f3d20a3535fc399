"""What operators see of the store, on a real server."""

from __future__ import annotations

import msgspec
from pytest_twisted import ensureDeferred

from relay.model.state import State
from relay.model.status import JobStatus, Outcome
from relay.store.found import Erased, NameTally, Slice, Wanted
from relay.store.messages import How, LimitDefinition, PastAttempt, Report, Submission, Why
from relay.store.roster import Roster
from tests.processes import RedisProcess
from tests.store.conftest import MakeStore, Store
from tests.store.test_store import Session, a_job, declared, roster, submit, succeeded


def ids(found: Slice) -> list[str]:
    return [job.id for job in found.jobs]


async def tally(store: Store, name: str = "echo") -> NameTally:
    (found,) = await store.tallies([name])
    return found


# -- processes --


@ensureDeferred
async def test_what_processes_tell_of_themselves_is_there_for_a_minute(front: Store, worker: Store) -> None:
    await front.register(b"\x00first")
    await worker.register(b"\xff")
    await front.register(b"second")
    found = {name: told for name, seen, told in await front.processes() if seen > 0}
    assert found == {"front": b"second", "worker": b"\xff"}


@ensureDeferred
async def test_a_process_that_leaves_or_whose_end_was_seen_is_not_told_of(make_store: MakeStore) -> None:
    front, first, second = make_store("front"), make_store("first"), make_store("second")
    for process in (front, first, second):
        await process.register(b"here")
    await first.register(b"")
    await front.reap("second")
    assert [name for name, _, _ in await front.processes()] == ["front"]


@ensureDeferred
async def test_a_process_that_is_silent_is_forgotten(redis: RedisProcess, make_store: MakeStore) -> None:
    front, other = make_store("front"), make_store("other")
    await front.register(b"here")
    await other.register(b"gone")
    redis.client.zadd("{r0}:seen", {"other": await front.moment() - 60_001})
    assert [name for name, _, _ in await front.processes()] == ["front"]
    assert redis.client.hexists("{r0}:process", "other")
    await front.register(b"here")
    assert redis.client.hkeys("{r0}:process") == [b"front"]


@ensureDeferred
async def test_more_processes_are_told_than_one_script_tells(make_store: MakeStore) -> None:
    front = make_store("front")
    await front.sweep()
    for number in range(120):
        front.inbox = f"p{number:03}"
        await front.register(b"%d" % number)
    assert [told for _, _, told in await front.processes()] == [b"%d" % number for number in range(120)]


# -- counts --


@ensureDeferred
async def test_what_there_is_of_a_name_is_counted(front: Store, worker: Store) -> None:
    await worker.publish(roster("echo"))
    first = await submit(front)
    begun = (await front.look("me", first)).created
    await submit(front)
    await front.submit(Submission(front.mint(), a_job(), delay=60_000))
    session = await Session(worker).open()
    (claim,) = (await session.turn(1)).claims
    found = await tally(front)
    assert (found.name, found.queue, found.waiting, found.scheduled, found.dead) == (
        "echo",
        "default",
        1,
        1,
        0,
    )
    assert begun <= found.oldest <= await front.moment() < found.served
    totals = await front.totals()
    assert (totals.jobs, totals.running, totals.scheduled, totals.dead) == (3, 1, 1, 0)
    assert (totals.names, totals.stopped, totals.epoch) == (["echo"], {}, front.epoch_of(0))
    assert totals.bytes > 0
    assert await front.busy_names() == {"echo": 1}
    await session.turn(1, Report(claim.id, State.FAILED, "why", dead=True))
    assert (await tally(front)).dead == 1
    assert (await front.totals()).dead == 1


@ensureDeferred
async def test_a_name_is_known_as_long_as_there_is_a_job_of_it(front: Store, worker: Store) -> None:
    await front.sweep()
    id = front.mint()
    await front.submit(Submission(id, a_job(name="later"), delay=60_000))
    assert (await front.totals()).names == ["later"]
    assert (await tally(front, "later")).scheduled == 1
    await front.cancel("me", id)
    assert (await front.totals()).names == []
    assert await tally(front, "later") == NameTally("later", "", 0, 0, 0, 0, 0, 0)


@ensureDeferred
async def test_a_job_that_is_tried_again_is_counted_where_it_waits(front: Store, worker: Store) -> None:
    id = await submit(front, attempts=2)
    session = await Session(worker).open()
    await session.turn(1)
    await session.turn(0, Report(id, State.SCHEDULED))
    await front.sweep()
    found = await tally(front)
    assert (found.waiting, found.scheduled) == (1, 0)
    await session.turn(1)
    await session.turn(0, Report(id, State.SCHEDULED, delay=60_000))
    found = await tally(front)
    assert (found.waiting, found.scheduled) == (0, 1)


@ensureDeferred
async def test_jobs_behind_a_limit_are_counted(front: Store, worker: Store) -> None:
    limit = LimitDefinition("api", 1, 3600, "")
    await worker.publish(Roster([declared("limited", limit=limit)]))
    for _ in range(3):
        await submit(front, name="limited", lane="@api")
    session = Session(worker)
    session.roster = Roster([declared("limited", limit=limit)])
    await session.open()
    assert len((await session.turn(10)).claims) == 1
    found = await tally(front, "limited")
    assert (found.waiting, found.limited) == (2, 2)


# -- one job --


@ensureDeferred
async def test_why_a_job_waits_is_told(front: Store, worker: Store) -> None:
    id = await submit(front)
    delayed = front.mint()
    await front.submit(Submission(delayed, a_job(), delay=60_000))
    assert (await front.known(id)).why == Why.UNSERVED
    assert (await front.known(delayed)).why == Why.DELAYED
    await worker.publish(roster("echo"))
    assert (await front.known(id)).why == Why.UNSERVED  # it was promised, and nobody is there
    await Session(worker).open()
    assert (await front.known(id)).why == Why.FULL
    await front.stop_name("echo", True)
    assert (await front.known(id)).why == Why.PAUSED
    await front.stop_name("echo", False)
    known = await front.known(delayed)
    assert known.due > await front.moment()


@ensureDeferred
async def test_all_of_a_job_is_told_while_it_lives(front: Store, worker: Store) -> None:
    await worker.publish(roster("echo"))
    id = await submit(front, arguments='{"a":1}', owner="token:x")
    child = front.mint()
    await front.submit(Submission(child, a_job(parent=id, depth=1)))
    session = await Session(worker).open()
    (claim, *_) = (await session.turn(1)).claims
    known = await front.known(id)
    assert isinstance(known.standing, JobStatus)
    assert (known.standing.state, known.job.arguments) == (State.RUNNING, '{"a":1}')
    assert (known.owner, known.process, known.why) == ("token:x", "worker", "")
    assert (known.waiters, known.children, known.history) == (("front",), (child,), ())
    (held,) = await front.running()
    assert (held.id, held.name, held.session, held.attempt) == (id, "echo", "worker.1", 1)
    assert (held.started, held.cancelled) == (claim.started, False)
    await front.cancel("*", id)
    assert (await front.running())[0].cancelled
    assert await front.known(front.mint()) is None


@ensureDeferred
async def test_the_attempts_of_a_job_are_kept_until_nothing_of_it_is(front: Store, worker: Store) -> None:
    id = await submit(front, attempts=5)
    session = await Session(worker).open()
    ends = [
        Report(id, State.SCHEDULED, problem="job-timeout"),
        Report(id, State.SCHEDULED, uncounted=True),
        Report(id, State.QUEUED),
    ]
    started = []
    for end in ends:
        (claim,) = (await session.turn(1)).claims
        started.append(claim.started)
        await session.turn(0, end)
        await front.sweep()
    past = (await front.known(id)).history
    assert [(each.number, each.how, each.problem, each.process) for each in past] == [
        (1, How.RETRIED, "job-timeout", "worker"),
        (2, How.POSTPONED, "", "worker"),
        (2, How.GIVEN_BACK, "", "worker"),
    ]
    assert [each.started for each in past] == started
    assert all(each.started <= each.ended for each in past)
    (claim,) = (await session.turn(1)).claims
    await session.turn(0, Report(id, State.FAILED, '{"type":"/problems/odd","title":"Odd"}'))
    known = await front.known(id)
    assert isinstance(known.standing, Outcome)
    assert (known.owner, known.process, known.history) == ("me", "worker", past)
    last = PastAttempt(2, claim.started, known.dead.died, "failed", "odd", "worker")
    assert known.dead.history == (*past, last)


@ensureDeferred
async def test_of_many_attempts_the_last_ones_are_kept(front: Store, worker: Store) -> None:
    id = await submit(front, attempts=100)
    session = await Session(worker).open()
    for _ in range(25):
        assert (await session.turn(1)).claims
        await session.turn(0, Report(id, State.SCHEDULED))
        await front.sweep()
    assert [each.number for each in (await front.known(id)).history] == [*range(6, 26)]


@ensureDeferred
async def test_a_worker_that_died_is_one_of_the_attempts_until_it_turns_out_to_live(
    front: Store, worker: Store
) -> None:
    id = await submit(front, attempts=5)
    session = await Session(worker).open()
    (claim,) = (await session.turn(1)).claims
    await front.reap("worker")
    (died,) = (await front.known(id)).history
    assert (died.number, died.how, died.process) == (1, How.DIED, "worker")
    again = Session(worker, "worker.2")
    await again.open("worker.1", claim)
    assert again.adopted == {id}
    assert (await front.known(id)).history == ()


# -- lists --


@ensureDeferred
async def test_jobs_that_live_are_listed_by_what_is_asked(front: Store, worker: Store) -> None:
    first = await submit(front)
    second = await submit(front, owner="you", queue="other")
    third = await submit(front, name="tell")
    late = front.mint()
    await front.submit(Submission(late, a_job(), delay=60_000))
    session = await Session(worker, serves=("tell",)).open()
    await session.turn(1)
    assert sorted(ids(await front.live("all"))) == sorted([first, second, third, late])
    assert ids(await front.live("running")) == [third]
    assert ids(await front.live("scheduled")) == [late]
    assert ids(await front.live("line", Wanted(name="echo"))) == [first, second]
    assert ids(await front.live("all", Wanted(owner="you"))) == [second]
    assert ids(await front.live("all", Wanted(prefix=first))) == [first]
    made = {job.id: job.created for job in (await front.live("all")).jobs}
    assert ids(await front.live("all", Wanted(after=made[late] + 1))) == []
    assert first not in ids(await front.live("all", Wanted(before=made[first])))
    (row,) = (await front.live("all", Wanted(owner="you"))).jobs
    assert (row.name, row.queue, row.owner, row.state, row.attempts) == ("echo", "other", "you", "queued", 0)
    (row,) = (await front.live("running")).jobs
    assert (row.state, row.attempts, row.started > 0) == ("running", 1, True)
    await worker.publish(Roster([declared("echo", queue="new")]))
    (row,) = (await front.live("all", Wanted(owner="you"))).jobs
    assert row.queue == "new"  # where it would be paused


@ensureDeferred
async def test_a_long_list_is_told_in_slices(front: Store) -> None:
    sent = [await submit(front) for _ in range(250)]
    for source in ("all", "line"):
        found: list[str] = []
        cursor, slices = "", 0
        while slices == 0 or cursor:
            some = await front.live(source, Wanted(name="echo"), cursor)
            found += ids(some)
            cursor, slices = some.cursor, slices + 1
        assert sorted(found) == sorted(sent)
        assert len(found) == 250 or source == "all"


@ensureDeferred
async def test_a_partition_that_there_is_not_has_nothing(front: Store) -> None:
    await submit(front)
    for found in (
        await front.live("all", cursor="7:"),
        await front.ended(cursor="7:0"),
        await front.died(cursor="7:"),
    ):
        assert found == Slice([], "", 0)
    assert await front.erase("sub:me", "7:") == Erased(0, 0, "")


@ensureDeferred
async def test_jobs_that_have_ended_and_dead_jobs_are_listed(front: Store, worker: Store) -> None:
    await worker.publish(roster("echo"))
    good, bad, large = [await submit(front) for _ in range(3)]
    session = await Session(worker).open()
    turned = await session.turn(3)
    problem = '{"type":"/problems/odd","title":"Odd"}'
    long = '{"type":"https://example.com/x","detail":"' + "x" * 9000 + '"}'
    await session.turn(
        0,
        Report(good, State.SUCCEEDED, '"' + "y" * 9000 + '"'),
        Report(bad, State.FAILED, problem, dead=True),
        Report(large, State.FAILED, long),
    )
    rows: dict[str, tuple[object, ...]] = {}
    cursor = "first"
    while cursor:
        some = await front.ended(cursor="" if cursor == "first" else cursor)
        rows |= {job.id: (job.state, job.owner, job.queue, job.attempts, job.problem) for job in some.jobs}
        cursor = some.cursor
    assert rows == {
        good: ("succeeded", "me", "default", 1, ""),
        bad: ("failed", "me", "default", 1, "odd"),
        large: ("failed", "me", "default", 1, "https://example.com/x"),
    }
    assert len(turned.claims) == 3
    (dead,) = (await front.died()).jobs
    assert (dead.id, dead.state, dead.problem) == (bad, "dead", "odd")
    assert dead.created <= dead.finished
    assert ids(await front.died(only=True)) == []
    assert ids(await front.died(Wanted(name="tell"))) == []


@ensureDeferred
async def test_dead_jobs_are_told_newest_first_and_in_slices(front: Store, worker: Store) -> None:
    sent = [await submit(front) for _ in range(120)]
    session = await Session(worker).open()
    for first in range(0, 120, 40):
        turned = await session.turn(40)
        await session.turn(0, *[Report(each.id, State.FAILED, "why", dead=True) for each in turned.claims])
        assert len(turned.claims) == 40, first
    found: list[str] = []
    cursor = "first"
    while cursor:
        some = await front.died(cursor="" if cursor == "first" else cursor)
        found += ids(some)
        cursor = some.cursor
    assert sorted(found) == sorted(sent)
    times = [dead.died for dead in await front.dead(200)]
    assert found[0] in [dead.id for dead in await front.dead(200) if dead.died == max(times)]


@ensureDeferred
async def test_a_key_leads_to_its_job(front: Store) -> None:
    id = await submit(front, key="digest", fingerprint="f")
    assert await front.id_of_key("digest") == id
    assert await front.id_of_key("other") == ""


@ensureDeferred
async def test_an_outcome_of_an_earlier_version_is_read(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front)
    session = await Session(worker).open()
    await session.turn(0, *succeeded(await session.turn(1)))
    kept = msgspec.msgpack.decode(redis.client.get(f"{{r0}}:result:{id}"))
    redis.client.set(f"{{r0}}:result:{id}", msgspec.msgpack.encode(kept[:10]))
    known = await front.known(id)
    assert (known.standing.state, known.process, known.history) == (State.SUCCEEDED, "", ())
    assert [job.id for job in (await front.ended()).jobs] in ([id], [])


@ensureDeferred
async def test_the_attempts_that_are_kept_count_as_bytes_while_their_job_lives(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    id = await submit(front, attempts=9)
    other = await submit(front, name="tell")
    alone = (await front.totals()).bytes
    session = await Session(worker, serves=("echo",)).open()
    for end in (Report(id, State.SCHEDULED, problem="x" * 50), Report(id, State.QUEUED)):
        await session.turn(1)
        await session.turn(0, end)
        await front.sweep()
    assert (await front.totals()).bytes == alone + redis.client.hstrlen("{r0}:history", id)
    await front.cancel("*", id)
    await front.cancel("*", other)
    assert (await front.totals()).bytes == 0
    assert not redis.client.exists("{r0}:history")


@ensureDeferred
async def test_a_job_that_succeeds_at_once_costs_its_history_nothing(
    redis: RedisProcess, front: Store, worker: Store
) -> None:
    session = await Session(worker).open()
    await submit(front)
    turned = await session.turn(1)
    with redis.client.monitor() as monitor:
        await session.turn(1, *succeeded(turned))
        redis.client.echo("over")
        commands = []
        while "over" not in (command := monitor.next_command()["command"]):
            commands.append(command)
    assert not [
        command for command in commands if "history" in command and not command.startswith(("EVAL", "EXISTS"))
    ]
