"""What commands do, on a store in memory."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from relay.commands import (
    dead_command,
    erase_command,
    jobs_command,
    limits_command,
    queues_command,
    schedules,
    status_command,
    top_command,
    workers_command,
)
from relay.commands.ending import Unreached
from relay.commands.main import parser_for, whole
from relay.commands.progress import work
from relay.model.limits import Learned, Rate
from relay.model.problems.request import StoreAway
from relay.model.state import State
from relay.operations.operations import NotPossible
from relay.operations.seen import Done
from relay.store.messages import Report
from relay.telemetry import snapshot
from relay.telemetry.snapshot import ProcessInfo, Snapshot
from tests.operations.conftest import Scene

Act = Callable[..., Awaitable[Any]]
PROBLEM = '{"type":"/problems/no-paper","title":"No paper","status":500}'
ACTS: dict[str, Act] = {
    "status": status_command.act,
    "top": top_command.act,
    "jobs": jobs_command.list_jobs,
    "job": jobs_command.look_at_job,
    "cancel": jobs_command.cancel_jobs,
    "dead": dead_command.act,
    "queues": queues_command.act,
    "workers": workers_command.act,
    "schedules": schedules.act,
    "limits": limits_command.act,
    "erase": erase_command.act,
}


class Shop(Scene):
    """A scene, and a shell beside it."""

    def do(self, line: str) -> Deferred[Any]:
        """The status of a command."""
        words = whole(line.split())
        asked = parser_for(words).parse_args(words)
        return Deferred.fromCoroutine(ACTS[words[0]](self.operator, self.clock, asked))  # type: ignore[arg-type]

    async def die(self, *ids: str) -> None:
        """Those that run fail for good."""
        await self.end(*(Report(id, State.FAILED, PROBLEM, dead=True) for id in ids))

    async def dead(self, count: int, **changed: Any) -> list[str]:
        """The ids of new dead jobs."""
        ids = [await self.submit(**changed) for _ in range(count)]
        await self.die(*await self.begin(count))
        return ids

    async def told(self, role: str) -> None:
        """A process of this role tells of itself."""
        info = ProcessInfo(role, role, f"{role} 1", "web1", 7, "0.1.0", self.store.now(), concurrency=9)
        await (self.front if role == "front" else self.worker).register(snapshot.encode(Snapshot(info)))


@pytest.fixture
def scene() -> Shop:
    return Shop()


Captured = pytest.CaptureFixture[str]


@ensureDeferred
async def test_status_ends_with_3_only_where_something_is_wrong(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    assert await scene.do("status") == 3
    assert "not a single front" in capsys.readouterr().out
    await scene.told("front")
    assert await scene.do("status") == 0
    assert capsys.readouterr().out.startswith("All is well.")
    await scene.submit(name="nobodys")
    assert await scene.do("status --json") == 3
    said = json.loads(capsys.readouterr().out)
    assert (said["well"], [each["where"] for each in said["findings"]]) == (False, ["name:nobodys"])
    assert said["overview"]["queued"] == 1


@ensureDeferred
async def test_jobs_are_listed_as_lines_and_at_most_so_many(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    ids = [await scene.submit() for _ in range(4)]
    await scene.submit(name="tell", owner="you")
    await scene.do("jobs --json --owner me --state queued")
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["id"] for row in rows} == set(ids)
    await scene.do("jobs -n 2")
    out, said = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "-n N shows more" in said


@ensureDeferred
async def test_a_job_is_waited_for(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    well, badly = await scene.submit(), await scene.submit()
    waiting = [scene.do(f"job {id} --wait") for id in (well, badly)]
    await scene.begin(2)
    scene.clock.advance(1)
    assert not any(each.called for each in waiting)
    await scene.end(Report(well, State.SUCCEEDED, "[1]"), Report(badly, State.FAILED, PROBLEM))
    scene.clock.advance(1)
    assert [await each for each in waiting] == [0, 3]
    assert "no-paper" in capsys.readouterr().out


@ensureDeferred
async def test_what_can_not_be_cancelled_is_said_and_the_others_are(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    waiting, running = await scene.submit(name="tell"), await scene.submit()
    await scene.begin(1)
    assert await scene.do(f"cancel {waiting} 0-nobodys {running}") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("relay: 0-nobodys: there is no such job")
    assert sorted(line.split(maxsplit=1)[1] for line in (lines[0], lines[2])) == [
        "is cancelled",
        "is running, and told to stop",
    ]


@ensureDeferred
async def test_dead_jobs_are_run_again_by_id_or_by_what_they_are(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    first, *others = await scene.dead(3)
    assert await scene.do(f"dead retry {first} 0-nobodys") == 1
    out, said = capsys.readouterr()
    assert out.startswith("0-")
    assert said.splitlines() == [f"{first} runs again", "relay: 0-nobodys: there is no such dead job"]
    assert await scene.do("dead retry --problem no-paper --yes") == 0
    assert capsys.readouterr().err == "2 jobs found\n2 jobs run again\n"
    assert len(await scene.begin(9)) == 1 + len(others)
    with pytest.raises(Unreached, match="no dead job is like this"):
        await scene.do("dead retry --all --yes")


@ensureDeferred
async def test_what_dies_after_the_command_began_is_not_run_again(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    await scene.dead(2)
    retry_some = scene.operator.retry_some
    slices: list[Any] = []

    async def and_dies_again(*given: Any) -> Any:
        slices.append(await retry_some(*given))
        await scene.die(*await scene.begin(9))
        return slices[-1]

    scene.operator.retry_some = and_dies_again  # type: ignore[method-assign]
    assert await scene.do("dead retry --all --yes") == 0
    assert sum(each.done for each in slices) == 2
    assert (await scene.operator.overview()).dead == 2
    capsys.readouterr()


@ensureDeferred
async def test_dead_jobs_are_deleted_for_good(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    await scene.dead(2)
    (mine,) = await scene.dead(1, name="tell")
    assert await scene.do("dead delete --name tell --yes") == 0
    assert (await scene.operator.overview()).dead == 2
    with pytest.raises(NotPossible):
        await scene.operator.retry(mine)
    assert await scene.do("dead delete --all --yes") == 0
    assert (await scene.operator.overview()).dead == 0
    assert capsys.readouterr().err.splitlines()[-1] == "2 jobs deleted"


@pytest.mark.parametrize(
    "line", ["dead retry", "dead delete", "dead retry 0-x --all", "dead delete 0-x --name echo"]
)
@ensureDeferred
async def test_which_dead_jobs_has_to_be_said_in_one_way(line: str, scene: Shop, capsys: Captured) -> None:
    assert await scene.do(line) == 2
    assert capsys.readouterr().err.count("\n") == 1


@ensureDeferred
async def test_nothing_is_done_where_nobody_can_be_asked(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    await scene.dead(1)
    await scene.submit()
    for line in ("dead retry --all", "dead delete --all", "queues purge default", "erase --owner me"):
        with pytest.raises(Unreached, match="nobody can be asked"):
            await scene.do(line)
    seen = await scene.operator.overview()
    assert (seen.dead, seen.queued) == (1, 1)
    capsys.readouterr()


@ensureDeferred
async def test_a_queue_is_purged_if_it_has_no_more_than_expected(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    running = await scene.submit()
    await scene.begin(1)
    waiting = [await scene.submit() for _ in range(2)]
    later = await scene.submit(60_000)
    other = await scene.submit(queue="slow", name="elsewhere")
    with pytest.raises(Unreached, match="3 jobs in the queue default wait, more than the 2 expected"):
        await scene.do("queues purge default --yes --expect 2")
    assert await scene.do("queues purge default --yes") == 2
    assert await scene.do("queues purge default --yes --expect 3") == 0
    states = {id: (await scene.operator.job(id)).row.state for id in (running, *waiting, later, other)}
    assert states == {
        running: "running",
        **dict.fromkeys((*waiting, later), "cancelled"),
        other: "queued",
    }
    assert capsys.readouterr().err.splitlines()[-1] == "3 jobs cancelled"
    with pytest.raises(Unreached, match="nothing of echo waits"):
        await scene.do("queues purge --name echo --yes --expect 3")


@ensureDeferred
async def test_queues_and_names_are_paused(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    await scene.do("queues pause default")
    await scene.do("queues pause --name echo")
    await scene.do("queues --json")
    said = json.loads(capsys.readouterr().out)
    assert [bool(each["paused"]) for each in said["queues"]] == [True]
    await scene.do("queues resume default")
    await scene.do("queues resume --name echo")
    assert not any(each.paused for each in (await scene.operator.overview()).names)
    with pytest.raises(NotPossible):
        await scene.do("queues pause nobodys")
    capsys.readouterr()


@ensureDeferred
async def test_workers_are_shown_with_what_they_run_and_told_to_be_quiet(
    scene: Shop, capsys: Captured
) -> None:
    await scene.serve()
    await scene.told("worker")
    id = await scene.submit()
    await scene.begin(1)
    await scene.do("workers")
    out = capsys.readouterr().out
    assert "worker 1" in out
    assert id in out
    with pytest.raises(NotPossible):
        await scene.do("workers quiet nobody")


@ensureDeferred
async def test_what_was_learned_of_limits_is_shown_and_forgotten(scene: Shop, capsys: Captured) -> None:
    await scene.worker.learn(["api.example.com"], Learned(Rate(200, 3600.0), 12.0))
    await scene.do("limits")
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split() == ["api.example.com", "200", "in", "3600", "s", "12", "s", "learned"]
    await scene.do("limits forget api.example.com")
    assert await scene.operator.limits() == []


@ensureDeferred
async def test_an_owner_is_erased_until_nothing_is_found(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    await scene.dead(2)
    await scene.submit()
    kept = await scene.submit(owner="you")
    assert await scene.do("erase --owner me --yes") == 0
    said = capsys.readouterr().err
    assert "of me found" in said
    assert "What relay can't reach" in said
    await scene.do("jobs --json")
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [kept]


@ensureDeferred
async def test_top_looks_again_and_again(scene: Shop, capsys: Captured) -> None:
    await scene.serve()
    await scene.told("worker")
    looking = scene.do("top --json --every 2")
    await scene.submit()
    scene.clock.advance(2)
    looking.cancel()
    looking.addErrback(lambda failure: None)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["overview"]["queued"] for each in lines] == [0, 1]
    assert set(lines[0]["rates"]) >= {"relay_attempts_total"}


@ensureDeferred
async def test_what_a_work_has_done_that_ended_early_is_said(capsys: Captured) -> None:
    slices = [Done(100, cursor="1"), Done(20, cursor="2")]

    async def next_slice(cursor: str) -> Done:
        if not slices:
            raise StoreAway
        return slices.pop(0)

    with pytest.raises(StoreAway):
        await work("retrying", 500, next_slice, set())
    assert capsys.readouterr().err == "retrying ended early: 120 were done, and maybe some of the next ones\n"
