"""Clients that follow the contract's rule for sending again, and write down what they were told.

``python -m tests.faults.clients PLACES SEED COUNT DIRECTORY``: runs COUNT jobs, 60 clients at a time, and ends. PLACES
are HOST:PORT,… of fronts, of which each request goes to any. With ``--lasting`` it goes on behind COUNT until SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLIENTS = 60  # at once
PATIENCE = 120.0  # seconds for one job, whatever happens
GROUPS = 4  # of jobs of which one at a time lives
ODD = ("block", "swallow", "hang", "unencodable")  # jobs that misbehave
_PREFERS = {"async": "respond-async", "durable": "respond-async, durable"}
_AGAIN = {429, 502, 503, 504}
_READ = 8.0  # seconds between two bytes: heartbeats come every second
_HELD = (
    60.0  # seconds for one answer, with its heartbeats: far more than a job takes, with all that befalls it
)


Place = tuple[str, int]  # of a front: its host and port


class Unknown(Exception):
    """No answer, or one that is not whole: ask again."""


class Cut(Unknown):
    """The connection ended in the middle of an answer, and not by our doing."""


class Interrupted(Exception):
    """A job that must not run twice: relay does not know how it ended."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def complete(self) -> bool:
        return self.body.get("complete") is True


async def call(
    place: Place, method: str, path: str, body: bytes, headers: dict[str, str], leave_after: float
) -> Answer:
    """One request on a connection of its own, which is cut after some time if `leave_after` is above 0."""
    try:
        if leave_after:
            return await asyncio.wait_for(_call(place, method, path, body, headers), leave_after)
        return await _call(place, method, path, body, headers)
    except (TimeoutError, OSError, EOFError, ValueError) as error:
        raise Unknown(repr(error)) from error


async def _call(place: Place, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
    reader, writer = await asyncio.open_connection(*place)
    try:
        given = {"Host": "localhost", "Connection": "close", "Content-Length": str(len(body)), **headers}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + body)
        return await _answer(reader)
    finally:
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    received = b""
    try:
        async with asyncio.timeout(_HELD):
            while data := await asyncio.wait_for(reader.read(65536), _READ):
                received += data
        return _parse(received)
    except (TimeoutError, OSError, EOFError, ValueError) as error:
        raise (Cut if received else Unknown)(f"{error!r} after {received[-200:]!r}") from error


def _parse(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunk(body)
    whole = json.loads(body)
    if not isinstance(whole, dict):
        raise ValueError("not an object")
    return Answer(int(status.split()[1]), headers, whole)


def _unchunk(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return body
        if len(data) < length + 2:
            raise EOFError("cut in a chunk")
        body, data = body + data[:length], data[length + 2 :]


class Client:
    """Has one job done."""

    def __init__(
        self, places: Sequence[Place], number: int, seed: int, write: Any, durable: bool = False
    ) -> None:
        self.places = places
        self.number = number
        self.write = write
        self.random = random.Random(seed * 1_000_003 + number)
        kinds = ("held", "twin", "async", "keyless", "once", "family", "odd", "alike")
        (self.kind,) = self.random.choices(kinds, (42, 10, 16, 10, 5, 8, 1, 8))
        if durable and self.kind == "async":
            self.kind = "durable"
        names = {"once": "once", "family": "family", "alike": "alike", "odd": self.random.choice(ODD)}
        name = names.get(self.kind, "work")
        seconds = round(
            self.random.choice((0, 0.05, 0.2, self.random.random(), 2.5 * self.random.random())), 3
        )
        group = {"group": number % GROUPS} if self.kind == "alike" else {}
        self.body = json.dumps({"seconds": seconds, "number": number, **group}).encode()
        self.path = f"/jobs/{name}" if self.kind == "keyless" else f"/jobs/{name}/{seed}-{number}"
        self.deadline = time.monotonic() + PATIENCE
        self.acknowledged = ""

    async def run(self) -> None:
        try:
            if self.kind == "twin":
                await asyncio.gather(self._keyed("held"), self._keyed("held"))
            elif self.kind == "keyless":
                await self._keyless()
            else:
                await self._keyed(self.kind)
        except TimeoutError:
            self.say("gave up", None)
        except Interrupted:
            self.say("interrupted", None)

    async def _keyed(self, kind: str) -> None:
        """With a key: send the same again, until the outcome is known."""
        prefer = {"Prefer": _PREFERS[kind]} if kind in _PREFERS else {}
        while True:
            try:
                answer = await self._send("PUT", self.path, self.body, prefer)
                while not answer.complete:
                    self._acknowledge(answer)
                    await asyncio.sleep(self.random.random() / 5 if kind in _PREFERS else 0)
                    answer = await self._attach(answer.headers["location"])
                return self.say("told", answer)
            except Unknown:
                await self._pause()

    async def _keyless(self) -> None:
        """Without a key: never send again, but wait for what was accepted."""
        try:
            answer = await self._send("POST", self.path, self.body, {})
        except Unknown:
            return self.say("unknown", None)
        while not answer.complete:
            self._acknowledge(answer)
            try:
                answer = await self._attach(answer.headers["location"])
            except Unknown as unknown:
                if str(unknown) in ("404", "410"):
                    return self.say("erased", None)
                await self._pause()
        return self.say("told", answer)

    async def _attach(self, location: str) -> Answer:
        answer = await self._send("GET", location, b"", {"Prefer": "wait=30"})
        if answer.status in (404, 410):
            self.say("erased" if self.acknowledged else "forgotten", answer)
            raise Unknown(str(answer.status))
        return answer

    async def _send(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        if time.monotonic() > self.deadline:
            raise TimeoutError
        leave = self.random.random() * 2 if self.kind != "keyless" and self.random.random() < 0.06 else 0
        given = {**headers, **({"Content-Type": "application/json"} if body else {})}
        place = self.random.choice(self.places)
        try:
            answer = await call(place, method, path, body, given, leave)
        except Cut as cut:
            self.say("cut", None, place=place, method=method, error=str(cut))
            raise
        if "complete" not in answer.body and not (method == "GET" and answer.status in (404, 410)):
            if answer.body.get("type") == "/problems/interrupted" and self.kind == "once":
                raise Interrupted  # as promised: it will not be tried again
            if answer.status not in _AGAIN:
                self.say("refused", answer)
            raise Unknown(str(answer.status))
        return answer

    async def _pause(self) -> None:
        await asyncio.sleep(0.1 + self.random.random() / 2)

    def _acknowledge(self, answer: Answer) -> None:
        if answer.status == 202 and not self.acknowledged:
            self.acknowledged = answer.body["id"]
            self.say("acknowledged", answer)

    def say(self, event: str, answer: Answer | None, **more: object) -> None:
        shown = None if answer is None else {"status": answer.status, "body": answer.body}
        line = {
            "event": event,
            "client": self.number,
            "kind": self.kind,
            "at": time.monotonic(),
            "answer": shown,
        }
        self.write(json.dumps(line | more) + "\n")


async def main(given: argparse.Namespace) -> None:
    drawn = _until_told(given.count) if given.lasting else iter(range(given.count))
    with (given.directory / "clients.jsonl").open("a", buffering=1) as file:

        async def work() -> None:
            for number in drawn:
                await Client(given.places, number, given.seed, file.write, given.durable).run()

        await asyncio.gather(*(work() for _ in range(given.at_once)))


def _until_told(count: int) -> Iterator[int]:
    """So many numbers, and more until SIGTERM."""
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    return itertools.takewhile(lambda number: number < count or not told, itertools.count())


def _place(text: str) -> Place:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("places", type=lambda text: [_place(place) for place in text.split(",")])
    parser.add_argument("seed", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--lasting", action="store_true")
    parser.add_argument("--at-once", type=int, default=CLIENTS)
    parser.add_argument("--durable", action="store_true", help="those that do not wait ask for durable jobs")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(_options()))
