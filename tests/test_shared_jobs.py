"""Jobs that many ask for, in real processes: two fronts, two workers, and a Redis that is started again."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Client, RedisProcess, RelayProcess, eventually

MODULE = """
import os
from pathlib import Path
from twisted.internet.task import deferLater
from relay import Context, job

async def run(context, what):
    from twisted.internet import reactor
    file = os.open("runs", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{context.job_id} {os.getpid()} {what}\\n".encode())
    while not Path("go").exists():
        await deferLater(reactor, 0.02)
    return f"{what} {os.getpid()}"

@job(unique=60, unique_by="account")
async def report(context: Context, account: str, note: str = "") -> str:
    return await run(context, account)

@job(debounce=1.5, unique_by="document")
async def save(context: Context, document: str, text: str) -> str:
    return await run(context, text)
"""
ACCOUNT = {"account": "a"}


class Shared:
    def __init__(self, directory: Path, relay: RelayProcess, server: RedisProcess) -> None:
        self.directory, self.relay, self.server = directory, relay, server
        self.clients: list[Client] = []

    def ask(self, name: str, body: object, **headers: str) -> Client:
        """A held request."""
        client = self.relay.connect()
        client.request("POST", f"/jobs/{name}", body, {"Prefer": "heartbeat=1", **headers})
        self.clients.append(client)
        return client

    def told(self) -> str:
        """The id that one who does not wait is told; "" while relay does not answer."""
        answer = self.relay.call("POST", "/jobs/report", ACCOUNT, {"Prefer": "respond-async"})
        return str(answer.json()["id"]) if answer.status == 202 else ""

    def runs(self) -> list[tuple[str, int]]:
        """The job of each run, and its process."""
        file = self.directory / "runs"
        rows = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
        return [(row[0], int(row[1])) for row in rows]

    def wait_for_runs(self, count: int) -> None:
        eventually(lambda: len(self.runs()) >= count, f"{count} runs")

    def go(self) -> None:
        (self.directory / "go").touch()


@pytest.fixture
def shared(tmp_path: Path, server: RedisProcess) -> Iterator[Shared]:
    (tmp_path / "sharing.py").write_text(MODULE)
    options = ("--fronts", "2", "--workers", "2", "--jobs", "sharing", "--lease", "2", "--drain", "1")
    relay = RelayProcess(tmp_path, "all", "--redis", server.url, "--grace", "0.3", *options)
    relay.start()
    made = Shared(tmp_path, relay, server)
    eventually(lambda: relay.call("POST", "/jobs/report", {}).status == 422, "the jobs are known")
    yield made
    for client in made.clients:
        client.close()
    relay.stop()


def test_clients_of_both_fronts_are_answered_by_one_job(shared: Shared) -> None:
    asked = [
        shared.ask("report", {**ACCOUNT, "note": str(n)}, **{"Idempotency-Key": f'"{n}"'}) for n in range(12)
    ]
    shared.wait_for_runs(1)
    shared.go()
    answers = [client.response("POST").json() for client in asked]
    assert {answer["id"] for answer in answers} == {shared.runs()[0][0]}
    assert len({answer["result"] for answer in answers}) == len(shared.runs()) == 1
    fresh = shared.relay.call("POST", "/jobs/report", ACCOUNT)
    assert (fresh.status, fresh.json()["id"]) == (200, answers[0]["id"])
    assert fresh.headers["idempotency-replayed"] == "true"
    other = shared.relay.call("POST", "/jobs/report", {"account": "b"})
    assert other.json()["id"] != answers[0]["id"]


@pytest.mark.parametrize("dies", [pytest.param("worker", marks=pytest.mark.long), "redis"])
def test_all_get_the_one_outcome_whatever_dies_meanwhile(shared: Shared, dies: str) -> None:
    asked = [shared.ask("report", ACCOUNT) for _ in range(6)]
    assert {client.head()[0] for client in asked} == {200}  # each is held
    shared.wait_for_runs(1)
    if dies == "worker":
        os.kill(shared.runs()[0][1], signal.SIGKILL)
        shared.wait_for_runs(2)
    else:
        shared.server.signal(signal.SIGKILL)
        assert shared.server.process is not None
        shared.server.process.wait()
        shared.server.start()
    told = eventually(shared.told, "relay answers")
    shared.go()
    answers = [json.loads(b"".join(client.chunks())) for client in asked]
    assert {answer["state"] for answer in answers} == {"succeeded"}
    assert {(answer["id"], answer["result"]) for answer in answers} == {(told, answers[0]["result"])}
    assert len({id for id, _ in shared.runs()}) == 1


def test_of_several_submissions_the_last_is_run(shared: Shared) -> None:
    shared.go()
    first = shared.ask("save", {"document": "d", "text": "one"})
    eventually(lambda: shared.server.client.zcard("{r0}:delay"), "it is held back")
    last = shared.ask("save", {"document": "d", "text": "two"})
    answers = [client.response("POST").json() for client in (first, last)]
    assert {(answer["id"], answer["result"].split()[0]) for answer in answers} == {
        (shared.runs()[0][0], "two")
    }
    assert len(shared.runs()) == 1
