"""Whether a thousand clients hear all that a job puts out, 200 pieces a second, in time: ``python -m tests.told``.

Two fronts, one worker. Each piece is the time at which it was put out, so whoever reads it knows how long it took. At
the end all clients have to have been told the same, and all of it. With ``--replace`` fronts and worker are replaced
meanwhile.
"""

from __future__ import annotations

import argparse
import json
import re
import selectors
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import ROOT, RelayProcess

SAMPLED = 20  # of so many clients the pieces of one are timed
PUT_OUT = re.compile(rb'"data":([0-9.]+)\}')
IDS = re.compile(
    rb"id: (\d+\.\d+\.(\d+)\.\d+-\w+)\nevent: output|event: output\nid: (\d+\.\d+\.(\d+)\.\d+-\w+)\n"
)


@dataclass
class Listening:
    """A client, and what it was told; it is `timed` or only counted."""

    connected: socket.socket
    timed: bool
    read: bytearray = field(default_factory=bytearray)
    late: list[float] = field(default_factory=list)  # seconds from each piece to its being read
    is_over: bool = False

    def hear(self, data: bytes, now: float) -> None:
        if self.timed:
            self.late += [now - float(told) for told in PUT_OUT.findall(data)]
        self.read += data

    def pieces(self) -> list[int]:
        """The numbers of what it was told."""
        return [int(match[2] or match[4]) for match in IDS.finditer(whole(bytes(self.read)))]


def whole(read: bytes) -> bytes:
    """A body without its chunks."""
    _, _, data = read.partition(b"\r\n\r\n")
    body = []
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body.append(data[:length])
        data = data[length + 2 :]
    return b"".join(body)


class Listeners:
    """All of them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._selector = selectors.DefaultSelector()
        self.clients: list[Listening] = []

    def submit(self, most: int) -> str:
        """The id of the job, to which the first client listens."""
        body = json.dumps({"most": most}).encode()
        first = self._connect("POST", "/jobs/tells_when", body)
        while b"\r\n\r\n" not in first.read:
            self.hear(1)
        found = re.search(rb"Relay-Job-Id: (\S+)", first.read)
        assert found
        return found[1].decode()

    def add(self, id: str) -> None:
        self._connect("GET", f"/jobs/{id}/events", b"")

    def _connect(self, method: str, path: str, body: bytes) -> Listening:
        here = f"127.0.0.{2 + len(self.clients) % 50}"
        connected = socket.create_connection(("127.0.0.1", self._port), 20, (here, 0))
        lines = f"{method} {path} HTTP/1.1", "Host: localhost", "Accept: text/event-stream"
        connected.sendall("\r\n".join((*lines, f"Content-Length: {len(body)}", "", "")).encode() + body)
        connected.setblocking(False)
        client = Listening(connected, len(self.clients) % SAMPLED == 0)
        self.clients.append(client)
        self._selector.register(connected, selectors.EVENT_READ, client)
        return client

    def hear(self, patience: float) -> None:
        for key, _ in self._selector.select(patience):
            client: Listening = key.data
            data = client.connected.recv(1 << 18)
            client.hear(data, time.time())
            if not data:
                client.is_over = True
                self._selector.unregister(client.connected)
                client.connected.close()

    def hear_all(self, until: float) -> None:
        while time.monotonic() < until and not all(client.is_over for client in self.clients):
            self.hear(0.1)


def trial(relay: RelayProcess, count: int, most: int, replace: bool) -> list[str]:
    """What is wrong with what they were told; what is measured is printed."""
    listeners = Listeners(relay.port)
    id = listeners.submit(most)
    for number in range(count - 1):
        listeners.add(id)
        if number % 50 == 0:
            listeners.hear(0)
    begun = time.monotonic()
    while len(listeners.clients[0].late) < most // 3:
        listeners.hear(0.1)
    if replace:
        relay.signal(signal.SIGHUP)
    late = [len(client.late) for client in listeners.clients]
    listeners.hear_all(time.monotonic() + 60)
    timed = [client for client in listeners.clients if client.timed]
    taken = sorted(
        seconds
        for client, before in zip(listeners.clients, late, strict=True)
        if client.timed
        for seconds in client.late[before:]
    )
    print(
        f"{count} clients, {most} pieces, in {time.monotonic() - begun:.1f} s; of {len(timed)} clients, once all were "
        f"there: median {1000 * taken[len(taken) // 2]:.0f} ms, p99 {1000 * taken[len(taken) * 99 // 100]:.0f} ms, "
        f"longest {1000 * taken[-1]:.0f} ms"
    )
    left = sum(not client.is_over for client in listeners.clients)
    wrong = [f"{left} clients were not told the end"] if left else []
    odd = [client for client in listeners.clients if client.pieces() != [*range(1, most + 1)]]
    if odd:
        wrong.append(f"{len(odd)} clients were not told all pieces once: {odd[0].pieces()[:10]} …")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--pieces", type=int, default=4000)
    parser.add_argument("--replace", action="store_true", help="replace all processes meanwhile")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        words = ("--fronts", "2", "--jobs", "tests.worker.emitting_jobs", "--drain", "10")
        relay = RelayProcess(Path(directory), "all", *words, environment={"PYTHONPATH": str(ROOT)})
        relay.start()
        try:
            wrong = trial(relay, options.clients, options.pieces, options.replace)
        finally:
            relay.stop()
    for each in wrong:
        print(each)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
