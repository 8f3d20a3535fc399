"""Python's clients and a real relay: results of the types that handlers declare, and what is cut costs only time."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from relay.client import AsyncClient, CallFailed, CallRefused, Client, HeardEvent, OutcomeUnknown
from relay.timing.backoff import Backoff
from tests import sample_jobs
from tests.processes import RelayProcess, eventually, free_port
from tests.sample_jobs import Box
from tests.stack import counted_jobs
from tests.stack.cutting import Cut, CuttingProxy

pytestmark = pytest.mark.processes

DRAWN = 12  # cuts of a request, and of an answer


@pytest.fixture
def client(counting: RelayProcess) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{counting.port}") as client:
        yield client


def test_a_handler_is_called_with_its_arguments_and_gives_its_result(client: Client) -> None:
    assert client.call(sample_jobs.area, Box(2, 3), scale=2) == 12
    assert client.call(sample_jobs.area, box=Box(2, 3)) == 6
    assert client.call("area", box={"width": 2, "height": 3}) == 6
    told = client.call(sample_jobs.tell)
    assert told["attempt"] == 1


def test_a_job_that_outlasts_each_wait_is_waited_for(client: Client) -> None:
    assert client.call(sample_jobs.blocking, seconds=2.3).startswith("PoolThread")


def test_a_failure_is_raised_with_its_problem(client: Client) -> None:
    with pytest.raises(CallFailed, match="decline failed: insufficient funds") as caught:
        client.call(sample_jobs.decline)
    assert caught.value.problem["decline_code"] == "funds"
    assert (caught.value.state, caught.value.retryable) == ("failed", False)


def test_a_refusal_is_raised_with_what_does_not_fit(client: Client) -> None:
    with pytest.raises(CallRefused, match=r"422: .*scale") as caught:
        client.call("area", box={"width": 2, "height": 3}, scale="x")
    assert caught.value.problem["type"] == "/problems/bad-arguments"
    with pytest.raises(CallRefused, match="404"):
        client.call("nothing_like_this")


def test_what_is_no_call_is_refused_before_it_is_sent(client: Client) -> None:
    with pytest.raises(TypeError, match="is not a job"):
        client.call(print)
    with pytest.raises(TypeError, match="takes 2 arguments, not 3"):
        client.call(sample_jobs.area, Box(1, 1), 2, 3)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="two values for argument box"):
        client.call(sample_jobs.area, Box(1, 1), box=Box(1, 1))  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="given by name"):
        client.call("area", Box(1, 1))  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="not the name of a job"):
        client.call("../readyz")


def test_the_same_key_is_the_same_job(client: Client) -> None:
    key = f'order 17 "ü" {os.urandom(4).hex()}'
    first = client.calling(key=key)(sample_jobs.tell)
    assert client.calling(key=key)(sample_jobs.tell) == first
    assert client.calling()(sample_jobs.tell) != first


def test_events_are_heard_while_the_job_runs(client: Client) -> None:
    heard: list[HeardEvent] = []
    mark = f"heard-{os.urandom(4).hex()}"
    assert client.calling(heard=heard.append)(counted_jobs.counted_output, mark=mark, pause=0.2) == mark
    assert [event.name for event in heard if event.name in ("started", "output")] == [
        "started",
        *["output"] * 5,
    ]
    with pytest.raises(CallFailed):
        client.calling(heard=heard.append)(sample_jobs.decline)


def test_what_hears_may_fail(client: Client) -> None:
    def hear(event: HeardEvent) -> None:
        raise ZeroDivisionError(event.name)

    with pytest.raises(ZeroDivisionError):
        client.calling(heard=hear)(counted_jobs.counted_output, mark=f"unheard-{os.urandom(4).hex()}")


def test_a_job_that_nobody_waits_for(client: Client) -> None:
    id = client.submit(sample_jobs.blocking, seconds=0.1)
    assert client.look(id)["state"] in ("queued", "running", "succeeded")
    assert client.wait(id)["state"] == "succeeded"
    later = client.submitting(delay=600)(sample_jobs.area, box=Box(1, 1))
    assert client.look(later)["state"] == "scheduled"
    assert client.cancel(later)["state"] == "cancelled"
    assert client.cancel(later)["state"] == "cancelled"
    with pytest.raises(CallRefused, match="409"):
        client.cancel(id)


def test_a_job_that_begins_later_is_waited_for(client: Client) -> None:
    assert client.calling(delay=0.5)(sample_jobs.area, box=Box(2, 2)) == 4


def test_a_deadline_ends_the_job(client: Client) -> None:
    with pytest.raises(CallFailed) as caught:
        client.calling(deadline=0.5)(sample_jobs.patient)
    assert caught.value.state == "expired"


def test_a_relay_that_is_away_is_asked_until_it_is_pointless(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)
    with (
        Client(f"http://127.0.0.1:{free_port()}", keep=0.3) as client,
        pytest.raises(OutcomeUnknown, match="refused"),
    ):
        client.call("area")


def test_the_same_on_asyncio(counting: RelayProcess) -> None:
    async def use() -> None:
        async with AsyncClient(f"http://127.0.0.1:{counting.port}") as client:
            assert await client.call(sample_jobs.area, Box(2, 3)) == 6
            with pytest.raises(CallFailed):
                await client.call(sample_jobs.decline)
            with pytest.raises(CallRefused):
                await client.call("nothing_like_this")
            id = await client.submit(sample_jobs.blocking, seconds=0.1)
            assert (await client.look(id))["id"] == id
            assert (await client.wait(id))["state"] == "succeeded"
            later = await client.submitting(delay=600)(sample_jobs.area, box=Box(1, 1))
            assert (await client.cancel(later))["state"] == "cancelled"
            key = f"ü{os.urandom(4).hex()}"
            assert await client.calling(key=key)(sample_jobs.tell) == await client.calling(key=key)(
                sample_jobs.tell
            )

    asyncio.run(use())


def test_calls_on_asyncio_do_not_wait_for_each_other(counting: RelayProcess) -> None:
    async def use() -> None:
        async with AsyncClient(f"http://127.0.0.1:{counting.port}") as client:
            marks = [f"together-{number}-{os.urandom(4).hex()}" for number in range(150)]
            waiting = [
                asyncio.ensure_future(client.call(counted_jobs.counted, mark=mark, seconds=3))
                for mark in marks
            ]
            await asyncio.to_thread(counting.wait_until_held, 150)
            for each in waiting[1:]:
                each.cancel()
            assert await waiting[0] == marks[0]

    asyncio.run(use())


# -- what is cut --


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pauses be short."""
    monkeypatch.setattr("relay.client.course._PAUSES", Backoff(0.02, limit=0.1))


def test_why_the_same_is_sent_again_is_told(proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once for each that was in vain."""
    quicken(monkeypatch)
    for through in (by_threads, by_tasks):
        cut = Cut(request=0)
        proxy.open(cut)
        told: list[str] = []
        through([cut], lambda client, cut: client.call(sample_jobs.tell), on_trouble=told.append)
        assert len(told) == 1


def by_threads(cuts: list[Cut], call: Callable[[Client, Cut], Any], **terms: Any) -> list[Any]:
    def one(cut: Cut) -> Any:
        with Client(f"http://127.0.0.1:{cut.port}", **terms) as client:
            return call(client, cut)

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, cuts))


def by_tasks(cuts: list[Cut], call: Callable[[Any, Cut], Awaitable[Any]], **terms: Any) -> list[Any]:
    async def one(cut: Cut, places: asyncio.Semaphore) -> Any:
        async with places, AsyncClient(f"http://127.0.0.1:{cut.port}", **terms) as client:
            return await call(client, cut)

    async def all() -> list[Any]:
        places = asyncio.Semaphore(16)
        return await asyncio.gather(*[one(cut, places) for cut in cuts])

    return asyncio.run(all())


@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.long)], ids=["drawn", "everywhere"]
)
@pytest.mark.parametrize(
    ("seconds", "pause"),
    [(0.0, None), (0.4, None), (1.3, None), (0.0, 0.0), (0.0, 0.3)],
    ids=["at-once", "held", "attached", "events", "slow-events"],
)
@pytest.mark.parametrize("through", [by_threads, by_tasks], ids=["threads", "tasks"])
def test_each_job_is_done_once_whatever_is_cut(
    counting: RelayProcess,
    proxy: CuttingProxy,
    monkeypatch: pytest.MonkeyPatch,
    through: Any,
    seconds: float,
    pause: float | None,
    every: bool,
) -> None:
    quicken(monkeypatch)

    def call(client: Any, cut: Cut) -> Any:
        mark = f"{through.__name__}-{cut.request}-{cut.answer}-{os.urandom(4).hex()}"
        marks.append(mark)
        if pause is None:
            return client.calling(key=mark)(counted_jobs.counted, mark=mark, seconds=seconds)
        heard[mark] = []
        return client.calling(key=mark, heard=heard[mark].append)(
            counted_jobs.counted_output, mark=mark, pause=pause
        )

    heard: dict[str, list[HeardEvent]] = {}
    marks: list[str] = []
    whole = Cut()
    proxy.open(whole)
    through([whole], call)
    step = 3 if seconds or pause else 1
    asked, answered = range(0, whole.requested + 1, step), range(0, whole.answered + 1, step)
    cuts = [Cut(request=at) for at in (asked if every else random.sample(asked, DRAWN))]
    cuts += [Cut(answer=at) for at in (answered if every else random.sample(answered, DRAWN))]
    for cut in cuts:
        proxy.open(cut)
    results = through(cuts, call)
    counted = Counter((counting.directory / "counted").read_text().splitlines())
    assert {mark: counted[mark] for mark in marks} == dict.fromkeys(marks, 1)
    assert sorted(results) == sorted(marks[1:])
    for mark, events in heard.items():
        pieces = [event.data["data"] for event in events if event.name == "output"]
        assert pieces == [f"{number}\u2028{mark} ü" for number in range(counted_jobs.PIECES)]
        ids = [event.id for event in events]
        assert len(ids) == len(set(ids))


def test_a_client_that_hears_nothing_asks_again(
    counting: RelayProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that has gone without a word, as phones' networks do."""
    import socket

    quicken(monkeypatch)
    connections: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            for _ in range(2):
                connections.append(server.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        client = Client(f"http://127.0.0.1:{server.getsockname()[1]}", silence=0.2, keep=0.5)
        with client, pytest.raises(OutcomeUnknown, match="Timeout"):
            client.call("area")
        assert eventually(lambda: len(connections) == 2, "it came again")
        for each in connections:
            each.close()
