"""Fronts that are replaced while clients are held: the successor takes them over, and they notice nothing."""

from __future__ import annotations

import json
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.processes import Client, RelayProcess, eventually, free_port

pytestmark = pytest.mark.processes

HELD = 50
OPTIONS = ("--grace", "0.2", "--heartbeat", "0.3", "--drain", "20", "--jobs", "relay_test_jobs")
JOBS = """
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.task import deferLater
from relay import job

@job(timeout=60)
async def until_told(number: int):
    while not Path("told").exists():
        await deferLater(reactor, 0.1)
    return number
"""


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    directory = tmp_path_factory.mktemp("takeover")
    (directory / "relay_test_jobs.py").write_text(JOBS)
    relay = RelayProcess(directory, "all", *OPTIONS)
    relay.start()
    yield relay
    relay.stop()
    assert relay.tracebacks() == 0, relay.log_tail()


@pytest.fixture
def relay(standing: RelayProcess) -> RelayProcess:
    """The same for all, with jobs that wait to be told."""
    (standing.directory / "told").unlink(missing_ok=True)
    standing._lines.clear()
    return standing


def hold(relay: RelayProcess, count: int) -> list[Client]:
    clients = [relay.connect() for _ in range(count)]
    for number, client in enumerate(clients):
        client.request("POST", "/jobs/until_told", {"number": number})
    for client in clients:
        assert client.head()[0] == 200
    return clients


def replace_fronts(relay: RelayProcess) -> None:
    """And wait until the old one has gone."""
    before = relay.children("relay front")
    relay.signal(signal.SIGHUP)
    eventually(lambda: not set(before) & set(relay.children("relay front")), "the old front has gone")
    eventually(lambda: relay.children("relay front"), "there is a front")


def answers(clients: list[Client]) -> list[object]:
    found = []
    for client in clients:
        said = b"".join(client.chunks())
        envelope = json.loads(said)
        assert "reattach" not in envelope
        found.append(envelope["result"])
        client.close()
    return found


def tell(relay: RelayProcess) -> None:
    (relay.directory / "told").touch()


def test_held_clients_do_not_notice(relay: RelayProcess) -> None:
    """Neither do those whose client goes on to the next front but one."""
    clients = hold(relay, HELD)
    replace_fronts(relay)
    relay.wait_for(f"{HELD} held clients were handed over")
    assert relay.held() == HELD
    replace_fronts(relay)
    for client in clients:
        assert [client.chunk() for _ in range(20)] == [
            b"\n"
        ] * 20  # more than came before they were handed over
    tell(relay)
    assert answers(clients) == list(range(HELD))
    relay.wait_until_nothing_is_held()


@pytest.mark.parametrize("count", [1, pytest.param(HELD, marks=pytest.mark.long)])
def test_one_in_grace_is_handed_over_when_it_commits(relay: RelayProcess, count: int) -> None:
    """Also the very last one: nothing else keeps its front."""
    clients = [relay.connect() for _ in range(count)]
    relay.signal(signal.SIGHUP)
    relay.wait_for("relay front listens")
    for number, client in enumerate(clients):
        client.request("POST", "/jobs/until_told", {"number": number})
    assert [client.head()[0] for client in clients] == [200] * count
    relay.wait_for(f"{count} held clients were handed over")
    tell(relay)
    assert answers(clients) == list(range(count))


@pytest.mark.long
def test_replaced_again_and_again_while_clients_come(relay: RelayProcess) -> None:
    clients = []
    for number in range(4):
        clients += hold(relay, 10)
        relay.signal(signal.SIGHUP)
        relay.wait_for("starting up", count=number + 1)
    relay.wait_for("relay front listens")
    eventually(lambda: len(relay.children("relay front")) == 1, "one front is left")
    tell(relay)
    assert sorted(answers(clients)) == sorted(list(range(10)) * 4)  # type: ignore[type-var]


def test_what_was_taken_over_outlives_a_flush_of_redis(relay: RelayProcess) -> None:
    """The submission came along."""
    import valkey

    clients = hold(relay, 3)
    replace_fronts(relay)
    server = valkey.Valkey(unix_socket_path=str(relay.directory / "relay-data" / "redis.sock"))
    server.flushall()
    server.close()
    tell(relay)
    assert answers(clients) == [0, 1, 2]


def test_a_client_that_goes_away_is_noticed_by_the_successor(relay: RelayProcess) -> None:
    clients = hold(relay, 3)
    replace_fronts(relay)
    clients.pop().close()
    relay.wait_until_held(2)
    tell(relay)
    assert answers(clients) == [0, 1]


@pytest.mark.long
def test_what_stands_between_a_client_and_its_socket(tmp_path: Path) -> None:
    """A PROXY header is behind us when the client is held. TLS can't be handed over, so that client is told."""
    (tmp_path / "relay_test_jobs.py").write_text(JOBS)
    pem, proxied, encrypted = write_certificate(tmp_path), free_port(), free_port()
    listen = (
        *("--listen", f"haproxy:tcp:{proxied}:interface=127.0.0.1", "--trusted-proxy", "127.0.0.1"),
        *("--listen", f"ssl:{encrypted}:privateKey={pem}:certKey={pem}:interface=127.0.0.1"),
    )
    relay = RelayProcess(tmp_path, "all", *OPTIONS, *listen)
    relay.start()
    context = ssl.create_default_context(cafile=str(pem))
    with Client(proxied) as over_proxy, Client(encrypted) as over_tls:
        over_proxy.send(b"PROXY TCP4 127.0.0.1 127.0.0.1 1000 80\r\n")
        over_tls.socket = context.wrap_socket(over_tls.socket, server_hostname="localhost")
        for client in (over_proxy, over_tls):
            client.request("POST", "/jobs/until_told", {"number": 1})
            assert client.head()[0] == 200
        relay.signal(signal.SIGHUP)
        assert json.loads(b"".join(over_tls.chunks()))["reattach"] is True
        over_tls.close()
        relay.wait_for("1 held clients were handed over")
        tell(relay)
        assert answers([over_proxy]) == [1]
    relay.stop()
    assert relay.tracebacks() == 0, relay.log_tail()


def test_without_a_successor_clients_are_sent_elsewhere(relay: RelayProcess) -> None:
    """The last of these tests, as everything stops."""
    clients = hold(relay, 3)
    relay.signal(signal.SIGTERM)
    for client in clients:
        assert json.loads(b"".join(client.chunks()))["reattach"] is True
    tell(relay)  # so that the worker ends
