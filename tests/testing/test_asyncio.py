"""Handlers of asyncio, and what they do aside, by the clock of a test."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import httpx
import pytest

from relay import Context, Discard, Retry, Shared, job, on_start, on_stop
from relay.testing import NotStubbed, Relay, run

begun: list[str] = []


@on_start
async def begin(settings: Mapping[str, str]) -> None:
    await asyncio.sleep(1)
    begun.append(settings["name"])


@on_stop
def end() -> None:
    begun.append("over")


@job(timeout=100)
async def sleeps(context: Context, seconds: float) -> float:
    async with asyncio.timeout(50):
        await asyncio.sleep(seconds)
    await context.sleep(5)
    return seconds


@job(timeout=5)
async def too_slow() -> None:
    await asyncio.sleep(1000)


@job
async def gathers() -> list[int]:
    async def one(number: int) -> int:
        await asyncio.sleep(number)
        return number

    return list(await asyncio.gather(*map(one, range(10))))


@job(retries=3)
async def retries(context: Context) -> int:
    if context.attempt < 3:
        raise Retry("not yet", after=600)
    return context.attempt


@job(retries=3)
async def discards() -> None:
    raise Discard("nothing to do")


@job
async def fetches(url: str) -> Any:
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).json()


def make_client() -> httpx.AsyncClient:
    return httpx.AsyncClient()


Client = Annotated[httpx.AsyncClient, Shared(make_client)]


@job
async def shares(client: Client, url: str) -> Any:
    return (await client.get(url)).json()


@job(timeout=30)
async def converts(context: Context, text: str) -> list[Any]:
    done = await context.process("tr", "a-z", "A-Z", input=text.encode())
    lengths = await context.thread(len, done.output)
    return [done.code, done.output.decode(), lengths]


@job(timeout=30)
async def own_process() -> str:
    process = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return output.decode()


@pytest.fixture
def forgiving(no_logged_failures: list[Any]) -> Any:
    """A test whose handlers fail on purpose."""
    yield
    no_logged_failures.clear()


@pytest.mark.usefixtures("forgiving")
def test_pauses_of_asyncio_and_relay_skip() -> None:
    began = time.monotonic()
    ran = run(sleeps, seconds=40)
    assert (ran.value(), ran.elapsed) == (40, pytest.approx(45, abs=0.1))
    with pytest.raises(TimeoutError):
        run(sleeps, seconds=60).value()
    assert time.monotonic() - began < 5


def test_a_job_of_asyncio_is_timed_out() -> None:
    ran = run(too_slow)
    assert ran.problem is not None
    assert (ran.problem["type"], ran.elapsed) == ("/problems/job-timeout", 5.0)


def test_tasks_run_beside_each_other() -> None:
    ran = run(gathers)
    assert (ran.value(), ran.elapsed) == (list(range(10)), pytest.approx(9, abs=0.1))


def test_an_attempt_that_is_asked_for_comes_after_its_pause() -> None:
    ran = run(retries)
    assert (ran.value(), ran.elapsed) == (3, pytest.approx(1200, abs=1))


def test_a_job_that_is_discarded_is_not_tried_again() -> None:
    ran = run(discards)
    assert (ran.state, ran.attempts, len(ran.errors)) == ("failed", 1, 1)
    with pytest.raises(Discard):
        ran.value()


@pytest.mark.usefixtures("forgiving")
def test_a_client_of_asyncio_reaches_no_network() -> None:
    with pytest.raises(NotStubbed, match=r"api\.example:443"):
        run(fetches, url="https://api.example/")


def test_what_is_shared_is_the_tests_own() -> None:
    client = httpx.AsyncClient(
        transport=httpx.MockTransport(lambda request: httpx.Response(200, json=[request.url.path]))
    )
    ran = run(shares, url="https://api.example/there", overrides={make_client: client})
    assert ran.value() == ["/there"]


@pytest.mark.processes
def test_programs_and_threads_are_real() -> None:
    assert run(converts, text="hello").value() == [0, "HELLO", 5]
    assert run(own_process).value() == "hello\n"


@pytest.mark.processes
def test_the_network_is_there_for_those_who_ask() -> None:
    async def serve() -> AsyncIterator[str]:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")
        await writer.drain()
        writer.close()

    async def both() -> Any:
        serving = serve()
        url = await anext(serving)
        return await asyncio.to_thread(lambda: run(fetches, url=url, real_network=True).value())

    assert asyncio.run(both()) == []


def test_a_module_brings_its_hooks() -> None:
    begun.clear()
    with Relay(sys.modules[__name__], settings={"name": "here"}) as relay:
        assert relay.run(gathers).state == "succeeded"
        assert begun == ["here"]
    assert begun == ["here", "over"]
