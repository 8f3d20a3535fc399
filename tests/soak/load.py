"""The clients of a soak, at a steady rate, and the API that handlers call. All is seen from outside, over HTTP."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from typing import Any

from tests.faults.clients import Answer, Unknown, call

PATIENCE = 900.0  # seconds for one job, whatever happens: long ones may begin several times
LONG = (20.0, 240.0)  # seconds of the jobs whose clients are held for long
_AGAIN = 0.3  # seconds until the same is sent again
#: job, arguments, how it is asked for, weight
KINDS: tuple[tuple[str, dict[str, Any], str, int], ...] = (
    ("work", {"seconds": 0}, "held", 40),
    ("work", {"seconds": 1.5}, "held", 10),
    ("work", {"seconds": 0.2}, "async", 12),
    ("work", {"seconds": 2}, "leaves", 6),
    ("work", {"seconds": 30}, "cancels", 3),
    ("flaky", {}, "held", 6),
    ("broken", {"why": "a mistake"}, "held", 3),
    ("hopeless", {}, "async", 1),
    ("family", {"seconds": 0.5}, "held", 6),
    ("fetch", {"size": 20_000}, "held", 9),
    ("count", {"most": 10_000}, "held", 4),
)


class Load:
    """So many jobs a second, and so many clients that are held for long, until it is stopped."""

    def __init__(self, port: int, rate: float, held: int, seed: int) -> None:
        self._port = port
        self._rate = rate
        self._held = held
        self._random = random.Random(seed)
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        #: how clients ended, and what went wrong in words
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._quick: list[float] = []  # seconds, of jobs that take no time

    def quick(self) -> list[float]:
        """The seconds that jobs took that take no time, since it was asked last; sorted."""
        taken, self._quick = sorted(self._quick), []
        return taken

    async def run(self) -> None:
        holding = [asyncio.create_task(self._hold()) for _ in range(self._held)]
        try:
            while True:
                self._begin()
                await asyncio.sleep(self._random.expovariate(self._rate))
        finally:
            for task in holding:
                task.cancel()

    async def finish(self) -> None:
        """Wait for those that are still under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self) -> None:
        ((name, arguments, how, _),) = self._random.choices(KINDS, [weight for *_, weight in KINDS])
        task = asyncio.create_task(self._job(name, arguments, how))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hold(self) -> None:
        await asyncio.sleep(self._random.uniform(0, 30))
        while True:
            await self._job("work", {"seconds": round(self._random.uniform(*LONG), 1)}, "held")

    async def _job(self, name: str, arguments: dict[str, Any], how: str) -> None:
        self._number += 1
        path, body = f"/jobs/{name}/soak-{self._number}", json.dumps(arguments).encode()
        began = time.monotonic()
        leaves = self._random.random() if how == "leaves" else 0.0
        try:
            answer = await self._until_told(path, body, how, leaves)
        except TimeoutError:
            self.ends["gave up"] += 1
            self.wrong.append(f"{path} had no outcome within {PATIENCE:g} s")
            return
        except Unknown:
            self.ends["left"] += 1
            return
        self.ends[str(answer.body["state"])] += 1
        if arguments == {"seconds": 0}:
            self._quick.append(time.monotonic() - began)

    async def _until_told(self, path: str, body: bytes, how: str, leaves: float) -> Answer:
        """The same is sent again until the outcome is known, by a client that does not leave."""
        prefer = {"Prefer": "respond-async"} if how in ("async", "cancels") else {}
        deadline = time.monotonic() + PATIENCE
        while True:
            if time.monotonic() > deadline:
                raise TimeoutError
            try:
                answer = await self._send("PUT", path, body, prefer, leaves)
                while not answer.body["complete"]:
                    if how == "cancels":
                        await self._send("DELETE", f"/jobs/{answer.body['id']}", b"", {})
                    answer = await self._send("GET", answer.headers["location"], b"", {"Prefer": "wait=30"})
                return answer
            except Unknown:
                if leaves:
                    raise
                await asyncio.sleep(_AGAIN)

    async def _send(
        self, method: str, path: str, body: bytes, headers: dict[str, str], leaves: float = 0.0
    ) -> Answer:
        given = {**headers, **({"Content-Type": "application/json"} if body else {})}
        answer = await call(("127.0.0.1", self._port), method, path, body, given, leaves)
        if "complete" not in answer.body:
            raise Unknown(str(answer.status))
        return answer


async def serve_api(port: int) -> asyncio.Server:
    """An API that answers with as many bytes as its address says, now and then slowly, or not at all well."""
    draw = random.Random(port)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = int(head.split(b" ")[1][1:])
                await asyncio.sleep(draw.choice((0, 0, 0, 0.05, 1)))
                status = b"503 Service Unavailable" if draw.random() < 0.02 else b"200 OK"
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, size, b"x" * size))
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(answer, "127.0.0.1", port)
