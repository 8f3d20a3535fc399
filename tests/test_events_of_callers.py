"""Whose events a client is told, by real fronts and workers: with a token that is revoked meanwhile, and by a ticket
that ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from relay.model.caller import owner_of_token
from relay.model.tickets import Ticket, sign
from relay.model.token import digest_of, make_token
from tests.processes import RelayProcess, eventually
from tests.test_events import ACCEPTS, Stream

pytestmark = pytest.mark.processes

SECRET = "a secret that relay and a backend share"
OPTIONS = ("--fronts", "1", "--heartbeat", "0.5", "--drain", "10", "--jobs", "tests.worker.emitting_jobs")
SKEW = 5  # seconds for which a ticket is good after its end
COUNTED = [[1, number] for number in range(1, 201)]


@dataclass
class Callers:
    """A relay whose callers have tokens."""

    relay: RelayProcess
    file: Path
    tokens: dict[str, str]

    def write(self, *names: str) -> None:
        """These may call."""
        digests = {name: digest_of(self.tokens[name]).hex() for name in names}
        text = "".join(f'[{name}]\nsha256 = ["{digest}"]\n' for name, digest in digests.items())
        new = self.file.with_suffix(".new")
        new.write_text(text)
        new.chmod(0o600)
        new.replace(self.file)

    def of(self, name: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}

    def status(self, name: str, path: str) -> int:
        """Of a request for events, which are not read."""
        with self.relay.connect() as client:
            client.request("GET", path, headers={**ACCEPTS, **self.of(name)})
            return client.head()[0]

    def counts(self, name: str) -> Stream:
        """The events of a job that ends after `finish`."""
        client = self.relay.connect()
        body = {"most": len(COUNTED), "a_second": 200}
        client.request("POST", "/jobs/counts_in_time", body, {**ACCEPTS, **self.of(name)})
        return Stream(client)

    def finish(self) -> None:
        (self.relay.directory / "told").touch()

    def listen(self, path: str, name: str = "", last: str = "") -> Stream:
        client = self.relay.connect()
        told = {"Last-Event-ID": last} if last else {}
        client.request("GET", path, headers={**ACCEPTS, **self.of(name), **told})
        return Stream(client)


@pytest.fixture
def callers(tmp_path: Path) -> Iterator[Callers]:
    secrets, file = tmp_path / "secrets", tmp_path / "tokens.toml"
    secrets.write_text(SECRET + "\n")
    secrets.chmod(0o600)
    relay = RelayProcess(tmp_path, "all", *OPTIONS, "--tokens", str(file), "--ticket-secrets", str(secrets))
    callers = Callers(relay, file, {name: make_token() for name in ("app", "other")})
    callers.write("app", "other")
    relay.start()
    yield callers
    relay.stop()
    assert relay.tracebacks() == 0, relay.log_tail()


def ticket(id: str, left: float, owner: str = "app") -> str:
    """A path that leads to the events of a job for so many seconds."""
    return f"/tickets/{sign(SECRET, Ticket(id, time.time() + left - SKEW, '', owner=owner_of_token(owner)))}/events"


def test_a_token_that_is_revoked_takes_no_stream_away_and_lets_nobody_come_back(callers: Callers) -> None:
    stream = callers.counts("app")
    told, last, path = stream.pieces(20), stream.last, f"/jobs/{stream.id}/events"
    callers.write("other")
    eventually(lambda: callers.status("app", path) == 401, "the token is revoked")
    callers.finish()
    assert told + stream.pieces() == COUNTED
    assert stream.ended == "succeeded"
    callers.write("app", "other")
    eventually(lambda: callers.status("app", path) == 200, "the token is valid again")
    assert callers.listen(path, "app", last).pieces() == COUNTED[20:]


def test_the_job_of_another_is_not_there_whoever_asks_for_its_events(callers: Callers) -> None:
    stream = callers.counts("app")
    told, path = stream.pieces(1), f"/jobs/{stream.id}/events"
    asked = [("app", path), ("other", path), ("", path), ("", ticket(stream.id, 60, owner="other"))]
    assert [callers.status(*each) for each in asked] == [200, 404, 401, 404]
    callers.finish()
    assert told + stream.pieces() == COUNTED
    assert [callers.status(*each) for each in asked] == [200, 404, 401, 404]


def test_a_ticket_that_ends_takes_no_stream_away_and_another_goes_on(callers: Callers) -> None:
    stream = callers.counts("app")
    short = ticket(stream.id, 3)
    by_ticket = callers.listen(short)
    told, last = by_ticket.pieces(20), by_ticket.last
    eventually(lambda: callers.status("", short) == 403, "the ticket has ended")
    resumed = callers.listen(ticket(stream.id, 60), last=last)
    callers.finish()
    assert told + by_ticket.pieces() == COUNTED
    assert by_ticket.ended == "succeeded"
    assert resumed.pieces() == COUNTED[20:]
    assert stream.pieces() == COUNTED
