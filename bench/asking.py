"""Clients that ask and wait, or ask again and again: how long each took, and how many requests it needed."""

from __future__ import annotations

import asyncio
import contextlib
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
    """One client: seconds until it had what it wanted, `late` of them after it was there; how often it had to ask;
    bytes that it has sent and was sent."""

    seconds: float
    late: float
    requests: int
    bytes: int = 0


class Connection:
    """One kept-alive connection."""

    def __init__(self, url: str, source: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname, parts.port
        self._source = source
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.bytes = 0  # that were sent and read

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
        request = "\r\n".join(lines).encode() + data
        self.bytes += len(request)
        writer.write(request)
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
        raw = await reader.readuntil(b"\r\n\r\n")
        self.bytes += len(raw)
        head = raw.decode("latin-1").split("\r\n")
        if head[0].split()[1] not in ("200", "202"):
            raise RuntimeError(f"answered with {head[0]}")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in head[1:] if line)}
        if headers.get("transfer-encoding") != "chunked":
            self.bytes += int(headers["content-length"])
            return headers, await reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(line := await reader.readline(), 16):
            body += await reader.readexactly(size)
            self.bytes += len(line) + size + len(await reader.readexactly(2))
        self.bytes += len(line) + 2
        self.close()
        return headers, body

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


Client = Callable[[Connection], Awaitable[Asked]]


def ends_within(seconds: float, pause: float) -> float:
    """Seconds that a job takes, about so many. They are spread evenly over a pause of who polls, so that how late it is
    told does not depend on when in its pause most jobs happen to end."""
    return seconds + random.uniform(-pause / 2, pause / 2)


def waiting(path: str, body: Callable[[], Any] = dict, accept: str = "") -> Client:
    """Asks once, and waits for the answer; or is told what happens until then, in a form that it accepts."""
    headers = {"Accept": accept} if accept else {}

    async def ask(connection: Connection) -> Asked:
        began = time.monotonic()
        _, answer = await connection.call("POST", path, body(), headers)
        return _asked(began, _last_line(answer), 1, connection)

    return ask


def polling(path: str, body: Callable[[], Any] = dict, pause: float = PAUSE) -> Client:
    """Asks, and asks again every second, or so often, until it is there."""

    async def ask(connection: Connection) -> Asked:
        began, requests = time.monotonic(), 1
        headers, answer = await connection.call("POST", path, body(), _LATER)
        while json.loads(answer)["complete"] is False:
            await asyncio.sleep(pause)
            _, answer = await connection.call("GET", headers["location"])
            requests += 1
        return _asked(began, answer, requests, connection)

    return ask


def hearing_changes(path: str, body: Callable[[], Any] = dict, wait: int = 25) -> Client:
    """Asks, and asks again as soon as it was told a change, until it is there."""

    async def ask(connection: Connection) -> Asked:
        began, requests, told = time.monotonic(), 1, dict[str, str]()
        headers, answer = await connection.call("POST", path, body(), _LATER)
        location = headers["location"]
        while json.loads(answer)["complete"] is False:
            held = {"Prefer": f"wait={wait}, change", **told}
            headers, answer = await connection.call("GET", location, headers=held)
            told = {"Last-Event-ID": headers["relay-event-id"]}
            requests += 1
        return _asked(began, answer, requests, connection)

    return ask


class Pushed:
    """Clients that ask, go away, and are pushed what they wanted; and the server that they are reached by."""

    def __init__(self, port: int, path: str, body: Callable[[], Any]) -> None:
        self._port, self._path, self._body = port, path, body
        self._serving: asyncio.Future[asyncio.Server] | None = None
        self._asked: dict[str, asyncio.Future[bytes]] = {}

    async def ask(self, connection: Connection) -> Asked:
        """One of them."""
        if self._serving is None:
            self._serving = asyncio.ensure_future(asyncio.start_server(self._serve, "127.0.0.1", self._port))
        await self._serving
        began = time.monotonic()
        _, answer = await connection.call("POST", self._path, self._body(), _LATER)
        connection.close()
        pushed = await asyncio.wait_for(self._of(json.loads(answer)["id"]), _PATIENCE)
        return _asked(began, pushed, 1, connection)

    def _of(self, id: str) -> asyncio.Future[bytes]:
        return self._asked.setdefault(id, asyncio.get_running_loop().create_future())

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                body = await reader.readexactly(
                    int(head.partition("content-length: ")[2].partition("\r\n")[0])
                )
                self._of(json.loads(body)["id"]).set_result(body)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def _last_line(answer: bytes) -> bytes:
    """The envelope: the whole of an answer, or the last line of what was told."""
    return answer.strip().rpartition(b"\n")[2].removeprefix(b"data: ")


def _asked(began: float, answer: bytes, requests: int, connection: Connection) -> Asked:
    seconds = time.monotonic() - began
    late = seconds - json.loads(answer).get("elapsed_ms", 0) / 1000
    return Asked(seconds, late, requests, connection.bytes)


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
