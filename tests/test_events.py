"""Clients are told what happens to their jobs, by real fronts and workers: these are replaced, die, lose their data."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.processes import Client, RelayProcess, eventually

pytestmark = pytest.mark.processes

OPTIONS = ("--fronts", "2", "--heartbeat", "0.5", "--drain", "10", "--jobs", "tests.worker.emitting_jobs")
ACCEPTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    running = RelayProcess(tmp_path_factory.mktemp("events"), "all", *OPTIONS)
    running.start()
    yield running
    running.stop()
    assert running.tracebacks() == running.expected_tracebacks, running.log_tail()


class Stream:
    """A client that is told events. `last` is the id of the last one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._unread = b""
        self.last = ""
        status, self.headers, _ = client.head()
        assert status == 200

    @property
    def id(self) -> str:
        return self.headers["relay-job-id"]

    def event(self) -> dict[str, Any]:
        """The next event that is no heartbeat; without a name at the end of the stream."""
        while True:
            while b"\n\n" not in self._unread:
                chunk = self._client.chunk()
                if not chunk:
                    return {"event": ""}
                self._unread += chunk
            block, _, self._unread = self._unread.partition(b"\n\n")
            fields = dict(line.split(":", 1) for line in block.decode().split("\n"))
            if "id" in fields:
                self.last = fields["id"].strip()
            if "event" in fields:
                return {"event": fields["event"].strip(), "data": json.loads(fields["data"])}

    def pieces(self, most: int = 1_000_000) -> list[Any]:
        """So many pieces, or all until the end."""
        found: list[Any] = []
        while len(found) < most:
            event = self.event()
            if event["event"] == "reset":
                found.append("reset")
            elif event["event"] == "output":
                found.append(event["data"]["data"])
            elif event["event"] in ("", "succeeded", "failed"):
                self.ended = event["event"]
                break
        return found

    def close(self) -> None:
        self._client.close()


def submit(relay: RelayProcess, job: str, headers: dict[str, str] | None = None, **arguments: Any) -> Stream:
    client = relay.connect()
    client.request("POST", f"/jobs/{job}", arguments, {**ACCEPTS, **(headers or {})})
    return Stream(client)


def resume(relay: RelayProcess, id: str, last: str) -> Stream:
    client = relay.connect()
    client.request(
        "GET", f"/jobs/{id}/events", headers={**ACCEPTS, **({"Last-Event-ID": last} if last else {})}
    )
    return Stream(client)


def replace_fronts(relay: RelayProcess) -> None:
    """And wait until the old ones have gone."""
    before = relay.children("relay front")
    relay.signal(signal.SIGHUP)
    eventually(lambda: not set(before) & set(relay.children("relay front")), "the old fronts have gone")


def test_all_is_told_in_its_order(relay: RelayProcess) -> None:
    stream = submit(relay, "counts", most=1000)
    assert stream.pieces() == [*range(1, 1001)]
    assert stream.ended == "succeeded"
    client = relay.connect()
    client.request("GET", f"/jobs/{stream.id}/events", headers={"Last-Event-ID": stream.last})
    assert client.head()[0] == 204


def test_a_client_does_not_notice_that_its_front_is_replaced(relay: RelayProcess) -> None:
    stream = submit(relay, "counts", most=800, pause=0.01)
    assert stream.pieces(50) == [*range(1, 51)]
    replace_fronts(relay)
    assert stream.pieces() == [*range(51, 801)]
    assert stream.ended == "succeeded"


def test_a_client_goes_on_at_whichever_front_it_reaches(relay: RelayProcess) -> None:
    """Again and again, while these are replaced."""
    stream = submit(relay, "counts", most=800, pause=0.01)
    id, told, replaced = stream.id, stream.pieces(20), False
    while told[-1] != 800:
        stream.close()
        if len(told) > 200 and not replaced:
            replaced = True
            relay.signal(signal.SIGHUP)
        stream = resume(relay, id, stream.last)
        told += stream.pieces(40)
    assert told == [*range(1, 801)]
    eventually(lambda: len(relay.children("relay front")) == 2, "the old fronts have gone")


def test_what_a_dead_worker_has_told_is_told_apart(relay: RelayProcess) -> None:
    stream = submit(relay, "dies_in_the_first_attempt", most=20)
    first = [[1, number] for number in range(1, 21)]
    second = [[2, number] for number in range(1, 21)]
    told = stream.pieces()
    assert told == [*first, "reset", *second]
    assert stream.ended == "succeeded"


def test_lines_and_a_thread(relay: RelayProcess) -> None:
    client = relay.connect()
    client.request("POST", "/jobs/counts_in_a_thread", {"most": 300}, {"Accept": "application/x-ndjson"})
    assert client.head()[0] == 200
    lines = [json.loads(line) for line in b"".join(client.chunks()).splitlines() if line]
    assert [line["data"] for line in lines[:-1]] == [*range(1, 301)]
    assert lines[-1]["result"] == 300


def test_each_change_is_an_answer(relay: RelayProcess) -> None:
    id = relay.call("POST", "/jobs/says_one_and_waits", {}, {"Prefer": "respond-async"}).json()["id"]
    states, last = list[str](), ""
    while "cancelled" not in states:
        headers = {"Prefer": "wait=20, change", **({"Last-Event-ID": last} if last else {})}
        answer = relay.call("GET", f"/jobs/{id}", headers=headers)
        last = answer.headers["relay-event-id"]
        states.append(answer.json()["state"])
        if "progress" in answer.json() and states[-1] == "running":
            relay.call("DELETE", f"/jobs/{id}")
    assert states[-2:] == ["running", "cancelled"]
