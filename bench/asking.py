"""Clients that ask and wait, or ask again and again: how long each took, and how many requests it needed."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_PATIENCE = 300.0  # seconds for one answer
PAUSE = 1.0  # seconds between the questions of who polls
_LATER = {"Prefer": "respond-async"}


@dataclass(frozen=True)
class Asked:
    """One client: seconds until it had what it wanted, `late` of them after it was there; how often it had to ask."""

    seconds: float
    late: float
    requests: int


class Connection:
    """One kept-alive connection."""

    def __init__(self, url: str, source: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname, parts.port
        self._source = source
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[dict[str, str], bytes]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address, local_addr=(self._source, 0))
        reader, writer = self._streams
        data = b"" if body is None else json.dumps(body).encode()
        given = {"Host": "localhost", "Content-Length": str(len(data)), **(headers or {})}
        if data:
            given["Content-Type"] = "application/json"
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + data)
        return await asyncio.wait_for(self._read(reader), _PATIENCE)

    async def status(self, method: str, path: str, headers: Mapping[str, str]) -> int:
        """The status of a request that is answered with a length; the answer is read to its end."""
        if self._streams is None:
            self._streams = await asyncio.open_connection(*self._address, local_addr=(self._source, 0))
        reader, writer = self._streams
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = head.partition("content-length: ")[2].partition("\r\n")[0]
        if method != "HEAD" and length:
            await reader.readexactly(int(length))
        return int(head.split()[1])

    async def _read(self, reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        if head[0].split()[1] not in ("200", "202"):
            raise RuntimeError(f"answered with {head[0]}")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        if headers.get("transfer-encoding") != "chunked":
            return headers, await reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        self.close()
        return headers, body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


Client = Callable[[Connection], Awaitable[Asked]]


def waiting(path: str, body: Callable[[], Any] = dict) -> Client:
    """Asks once, and waits for the answer."""

    async def ask(connection: Connection) -> Asked:
        began = time.monotonic()
        _, answer = await connection.call("POST", path, body())
        return _asked(began, answer, 1)

    return ask


def polling(path: str, body: Callable[[], Any] = dict) -> Client:
    """Asks, and asks again every second until it is there."""

    async def ask(connection: Connection) -> Asked:
        began, requests = time.monotonic(), 1
        headers, answer = await connection.call("POST", path, body(), _LATER)
        while json.loads(answer)["complete"] is False:
            await asyncio.sleep(PAUSE)
            _, answer = await connection.call("GET", headers["location"])
            requests += 1
        return _asked(began, answer, requests)

    return ask


def _asked(began: float, answer: bytes, requests: int) -> Asked:
    seconds = time.monotonic() - began
    return Asked(seconds, seconds - json.loads(answer).get("elapsed_ms", 0) / 1000, requests)


def ask_all(url: str, count: int, client: Client, begin_within: float = 1.0) -> list[Asked]:
    """So many clients at once, on loopback addresses of their own."""

    async def one(number: int) -> Asked:
        await asyncio.sleep(random.uniform(0, begin_within))
        connection = Connection(url, f"127.0.2.{number % 100 + 1}")
        try:
            return await client(connection)
        finally:
            connection.close()

    async def all_of_them() -> list[Asked]:
        return list(await asyncio.gather(*(one(number) for number in range(count))))

    return asyncio.run(all_of_them())


def probe(url: str, path: str, times: int) -> list[float]:
    """Seconds for a page that needs no waiting, one after the other."""

    async def ask() -> list[float]:
        found = []
        for _ in range(times):
            connection, began = Connection(url, "127.0.3.1"), time.monotonic()
            await connection.call("GET", path, headers={"Connection": "close"})
            connection.close()
            found.append(time.monotonic() - began)
        return found

    return asyncio.run(ask())


def median_ms(found: Sequence[float]) -> float:
    return statistics.median(found) * 1000
