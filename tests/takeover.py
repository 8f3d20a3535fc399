"""Whether thousands of held clients notice that their fronts are replaced: ``python -m tests.takeover``.

Clients are held by `relay all` while it is sent SIGHUP again and again. Counted are those that are cut, told to attach
elsewhere, or left without their answer, and how late the latest heartbeat was.
"""

from __future__ import annotations

import argparse
import json
import resource
import selectors
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import RelayProcess

HEARTBEAT = 2.0  # seconds
_ANSWER = 120.0  # seconds for all answers


@dataclass
class Held:
    """A client that waits, and what it read."""

    socket: socket.socket
    read: bytes = b""
    last: float = 0.0  # when its last byte came
    late: float = 0.0  # the longest time between two, seconds
    closed: bool = False


@dataclass
class Crowd:
    """All of them."""

    port: int
    seconds: float
    clients: list[Held] = field(default_factory=list)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def add(self, count: int) -> None:
        body = json.dumps({"seconds": self.seconds}).encode()
        head = "POST /jobs/sleep HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        for number in range(count):
            connected = socket.create_connection(
                ("127.0.0.1", self.port), 20, (f"127.0.0.{2 + number % 50}", 0)
            )
            connected.sendall(request)
            connected.setblocking(False)
            client = Held(connected)
            self.clients.append(client)
            self.selector.register(connected, selectors.EVENT_READ, client)
            if number % 200 == 0:
                self.read(0)

    def read(self, patience: float) -> None:
        for key, _ in self.selector.select(patience):
            client: Held = key.data
            try:
                data = client.socket.recv(65536)
            except OSError:
                data = b""
            now = time.monotonic()
            if client.last:
                client.late = max(client.late, now - client.last)
            client.last, client.read = now, client.read + data
            if not data:
                client.closed = True
                self.selector.unregister(client.socket)
                client.socket.close()

    def read_while(self, going: Callable[[], object], until: float) -> None:
        while time.monotonic() < until and going():
            self.read(0.2)


def envelope(client: Held) -> dict[str, object]:
    """What came in the body; {} for no whole document."""
    _, _, body = client.read.partition(b"\r\n\r\n")
    document = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        document, body = document + body[: int(size, 16)], body[int(size, 16) + 2 :]
    try:
        return json.loads(document)  # type: ignore[no-any-return]
    except ValueError:
        return {}


def replace(relay: RelayProcess, crowd: Crowd, number: int) -> float:
    """Seconds until the old front has gone."""
    before, began = set(relay.children("relay front")), time.monotonic()
    relay.signal(signal.SIGHUP)
    crowd.read_while(lambda: before & set(relay.children("relay front")), began + 60)
    took = time.monotonic() - began
    print(f"SIGHUP {number}: the old front has gone after {took:.1f} s", flush=True)
    return took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=100, help="how long each job takes")
    asked = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as directory:
        most = str(asked.clients + 100)
        options = ("--heartbeat", str(HEARTBEAT), "--grace", "1", "--max-held", most, "--concurrency", most)
        relay = RelayProcess(Path(directory), "all", *options)
        relay.start()
        crowd = Crowd(relay.port, asked.seconds)
        try:
            crowd.add(asked.clients)
            crowd.read_while(lambda: relay.held() < asked.clients, time.monotonic() + 60)
            crowd.read_while(lambda: True, time.monotonic() + 2 * HEARTBEAT)
            quiet = max(client.late for client in crowd.clients) - HEARTBEAT
            for client in crowd.clients:
                client.late = 0.0
            for number in range(asked.times):
                replace(relay, crowd, number + 1)
                crowd.read_while(lambda: True, time.monotonic() + HEARTBEAT)
            late = max(client.late for client in crowd.clients) - HEARTBEAT
            crowd.read_while(
                lambda: not all(each.closed for each in crowd.clients), time.monotonic() + _ANSWER
            )
            told = [envelope(client) for client in crowd.clients]
        finally:
            relay.stop()
    cut = sum(not said for said in told)
    elsewhere = sum("reattach" in said for said in told)
    answered = sum(said.get("state") == "succeeded" and said.get("attempts") == 1 for said in told)
    print(
        f"{len(told)} clients, {asked.times} times: {answered} answered, {cut} cut, {elsewhere} told to reattach"
    )
    print(f"the latest heartbeat was {late:.2f} s late ({quiet:.2f} s before the first)")
    sys.exit(answered != len(told) or cut or elsewhere)


if __name__ == "__main__":
    main()
