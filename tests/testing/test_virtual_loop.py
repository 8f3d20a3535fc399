"""A loop whose time skips, and that waits for what is real."""

from __future__ import annotations

import asyncio
import itertools
import socket
import subprocess
import sys
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from relay.testing.virtual_loop import VirtualLoop


def run(made: Coroutine[Any, Any, Any], loop: VirtualLoop | None = None) -> tuple[Any, float, float]:
    """The result of a coroutine, and how long it took: by the loop's time, and really."""
    loop = loop or VirtualLoop()
    began = time.monotonic()
    try:
        return loop.run_until_complete(made), loop.time(), time.monotonic() - began
    finally:
        loop.close()


def test_time_skips_to_the_next_timer() -> None:
    async def sleep() -> list[float]:
        loop = asyncio.get_running_loop()
        seen = []
        for seconds in (86_400 * 365, 0.001, 3):
            await asyncio.sleep(seconds)
            seen.append(loop.time())
        return seen

    seen, passed, took = run(sleep())
    assert seen == pytest.approx([31_536_000, 31_536_000.001, 31_536_003.001])
    assert passed == pytest.approx(seen[-1])
    assert took < 1


def test_a_timeout_skips_too() -> None:
    async def late() -> None:
        async with asyncio.timeout(60):
            await asyncio.Event().wait()

    loop = VirtualLoop()
    with pytest.raises(TimeoutError):
        run(late(), loop)
    assert loop.time() == 60


def test_time_goes_on_for_a_loop_that_always_has_something_to_do() -> None:
    async def spin() -> None:
        async with asyncio.timeout(3600):
            for _ in itertools.count():
                await asyncio.sleep(0)

    loop = VirtualLoop()
    with pytest.raises(TimeoutError):
        run(spin(), loop)
    assert 3600 <= loop.time() < 3640


def test_a_thousand_rounds_take_no_time() -> None:
    async def spin() -> None:
        for _ in range(1000):
            await asyncio.sleep(0)

    assert run(spin())[1] == 0


def test_timers_of_one_moment_fire_together() -> None:
    async def many() -> list[int]:
        order: list[int] = []

        async def one(number: int) -> None:
            await asyncio.sleep(0.1 * number)
            order.append(number)

        await asyncio.gather(*(one(number) for number in reversed(range(20))))
        return order

    order, passed, _ = run(many())
    assert (order, passed) == (list(range(20)), pytest.approx(1.9))


@pytest.mark.processes
def test_a_thread_comes_back_before_time_skips() -> None:
    arrived = []

    async def both() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(30, arrived.append, "timer")
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", ""], check=True)
        arrived.append("thread")
        await asyncio.sleep(31)

    _, passed, took = run(both())
    assert arrived == ["thread", "timer"]
    assert passed >= 31
    assert took < 20


@pytest.mark.processes
def test_a_process_comes_back_before_time_skips() -> None:
    async def both() -> tuple[bytes, float]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "print(1)"), stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
        return output, asyncio.get_running_loop().time()

    (output, passed), _, _ = run(both())
    assert output == b"1\n"
    assert passed < 30


def test_a_socket_holds_time() -> None:
    async def talk() -> bytes:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, theirs.sendall, b"hello")
        async with asyncio.timeout(30):
            said = await reader.readexactly(5)
        writer.close()
        theirs.close()
        return said

    said, passed, _ = run(talk())
    assert said == b"hello"
    assert passed < 30


def test_the_network_is_refused_where_it_is_not_to_be_reached() -> None:
    asked = []

    def refuse(address: str) -> None:
        asked.append(address)
        raise ConnectionError(address)

    async def connect() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as plain:
            plain.setblocking(False)
            for made in (
                asyncio.open_connection("api.example", 443),
                loop.getaddrinfo("api.example", 80),
                loop.sock_connect(plain, ("192.0.2.1", 80)),
                asyncio.open_unix_connection("/run/there"),
            ):
                with pytest.raises(ConnectionError):
                    await made

    run(connect(), VirtualLoop(refuse))
    assert asked == ["api.example:443", "api.example:80", "('192.0.2.1', 80)", "/run/there"]


def test_a_loop_in_which_nothing_can_happen_says_so() -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    loop = VirtualLoop()
    task = loop.create_task(forever())
    with pytest.raises(RuntimeError, match="nothing is left"):
        loop.run_until_complete(task)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
