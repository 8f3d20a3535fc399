"""A front that does TLS itself: what is negotiated, what refused clients read, what is left of those that go."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.processes import Client, RedisProcess, RelayProcess, eventually

pytestmark = pytest.mark.processes

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time
PROXY = b"PROXY TCP4 127.0.0.1 127.0.0.1 4711 443\r\n"
BODY_LIMIT = 100_000
GET = b"GET /problems/no-worker HTTP/1.1\r\nHost: localhost\r\n\r\n"


@dataclass
class Secured:
    """A front with ports for TLS (`direct`), and for TLS behind a PROXY header (`proxied`)."""

    front: RelayProcess
    certificate: Path
    direct: int
    proxied: int

    def context(self, offered: list[str]) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        if offered:
            context.set_alpn_protocols(offered)
        return context

    def connect(self, offered: list[str] | None = None, *, proxied: bool = False) -> SecureClient:
        client = SecureClient(self.proxied if proxied else self.direct)
        if proxied:
            client.send(PROXY)
        client.secure(self.context(offered or []))
        return client

    def open_files(self) -> int:
        assert self.front.process is not None
        return len(os.listdir(f"/proc/{self.front.process.pid}/fd"))


class SecureClient(Client):
    """A client that begins to speak TLS when it is told to."""

    def secure(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    @property
    def negotiated(self) -> str | None:
        assert isinstance(self.socket, ssl.SSLSocket)
        return self.socket.selected_alpn_protocol()


def ports(front: RelayProcess) -> list[int]:
    """Of what is given with ``--listen``, in that order, and of the plain one behind."""
    front.wait_for("relay front listens", count=3)
    lines = [line for line in front._lines if "relay front listens" in line]
    schemes = ["https", "https", "http"]
    found = [re.search(r"(https?)://127\.0\.0\.1:(\d+)", line) for line in lines]
    assert [match[1] for match in found if match] == schemes
    return [int(match[2]) for match in found if match]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    directory = tmp_path_factory.mktemp("tls")
    pem = write_certificate(directory)
    redis = RedisProcess(directory)
    redis.start()
    endpoint = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
    options = ("--redis", redis.url, "--grace", "0.3", "--heartbeat", "1", "--drain", "1")
    listen = ("--listen", endpoint, "--listen", f"haproxy:{endpoint}", "--trusted-proxy", "127.0.0.1")
    front = RelayProcess(directory, "front", *options, *listen, "--body-limit", str(BODY_LIMIT))
    worker = RelayProcess(
        directory, "worker", *options, "--jobs", "relay.jobs", "--jobs", "tests.sample_jobs"
    )
    for process in (worker, front):
        process.start()
    direct, proxied, front.port = ports(front)
    front.wait_until_jobs_are_known()
    yield Secured(front, pem, direct, proxied)
    for process in (front, worker):
        process.stop()
    redis.stop()


@pytest.fixture
def secured(standing: Secured) -> Iterator[Secured]:
    """The front; afterwards it holds nothing, has closed all connections, and logged no traceback."""
    before = standing.open_files()
    yield standing
    standing.front.wait_until_nothing_is_held()
    eventually(lambda: standing.open_files() <= before, "all connections are closed")
    assert standing.front.tracebacks() == 0, standing.front.log_tail()


# -- what is negotiated --


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
@pytest.mark.parametrize(
    ("offered", "chosen"), [([], None), (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1")]
)
def test_http_1_1_is_negotiated(
    secured: Secured, offered: list[str], chosen: str | None, proxied: bool
) -> None:
    with secured.connect(offered, proxied=proxied) as client:
        assert client.negotiated == chosen
        for _ in range(2):
            client.send(GET)
            assert client.response().status == 200


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
def test_a_client_that_speaks_http_2_only_is_told_so(secured: Secured, proxied: bool) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
        secured.connect(["h2"], proxied=proxied)
    with secured.connect(["http/1.1"], proxied=proxied) as next:
        next.send(GET)
        assert next.response().status == 200


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_request_is_held_over_each_version_of_tls(secured: Secured, version: ssl.TLSVersion) -> None:
    context = secured.context(["h2", "http/1.1"])
    context.minimum_version = context.maximum_version = version
    with SecureClient(secured.direct) as client:
        client.secure(context)
        client.request("POST", "/jobs/sleep", {"seconds": 1})
        assert client.head()[1]["relay-outcome"] == "in-body"
        *beats, envelope = client.chunks()
        assert beats
        assert b'"slept":1.0' in envelope
        assert client.is_closed()


# -- what is refused --


@pytest.mark.parametrize("proxied", [False, True], ids=["direct", "proxied"])
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"what is this\r\n\r\n", 405),
        (b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n", 400),
        (b"POST /jobs/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n", 413),
        (b"POST /jobs/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_who_is_refused_reads_why(secured: Secured, request_: bytes, status: int, proxied: bool) -> None:
    with secured.connect(proxied=proxied) as client:
        client.send(request_)
        answer = client.response()
        assert (answer.status, answer.json()["status"]) == (status, status)
        assert client.is_closed()


def test_who_sends_too_much_reads_why_after_sending_all_of_it(secured: Secured) -> None:
    with secured.connect() as client:
        client.request("POST", "/jobs/echo", b"x" * 50 * BODY_LIMIT)
        answer = client.response()
        assert (answer.status, answer.json()["type"]) == (413, "/problems/too-large")
        assert client.is_closed()


def test_who_is_refused_and_never_stops_sending_is_cut_off(secured: Secured) -> None:
    with secured.connect() as client:
        client.send(b"POST /jobs/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000000\r\n\r\n")
        with pytest.raises(OSError):  # noqa: PT011  (reset, or a broken pipe)
            client.send(b"x" * 1000 * BODY_LIMIT)


@pytest.mark.parametrize("data", [GET, b"\x16\x03\x01\x00\x05hello", b"\0" * 100])
def test_what_is_not_tls_is_closed(secured: Secured, data: bytes) -> None:
    with SecureClient(secured.direct) as client:
        client.send(data)
        with suppress(ConnectionResetError):
            client.read_to_end()


def test_tls_without_the_header_of_the_proxy_is_closed(secured: Secured) -> None:
    with SecureClient(secured.proxied) as client, pytest.raises(OSError):  # noqa: PT011
        client.secure(secured.context([]))


# -- clients that go --


def close(client: SecureClient) -> None:
    client.close()


def reset(client: SecureClient) -> None:
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    client.close()


def notify(client: SecureClient) -> None:
    """Say close_notify, and leave the socket open: what the front still sends is no answer to it."""
    assert isinstance(client.socket, ssl.SSLSocket)
    with suppress(OSError):
        client.socket.unwrap()


LEAVING = pytest.mark.parametrize("leave", [close, reset, notify])


@pytest.mark.parametrize("leave", [close, reset])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_client_that_goes_in_the_handshake_leaves_nothing(
    secured: Secured, share: float, leave: Callable[[SecureClient], None]
) -> None:
    outgoing = ssl.MemoryBIO()
    hello = secured.context(["http/1.1"]).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    said = outgoing.read()
    client = SecureClient(secured.direct)
    client.send(said[: int(len(said) * share)])
    if share == 1:
        client.read_exactly(1)
    leave(client)


@LEAVING
def test_a_client_that_goes_without_a_request_leaves_nothing(
    secured: Secured, leave: Callable[[SecureClient], None]
) -> None:
    with secured.connect() as client:
        client.send(GET)
        client.response()
        leave(client)


@LEAVING
@pytest.mark.parametrize("prefer", ["heartbeat=0", "heartbeat=1"], ids=["uncommitted", "committed"])
def test_a_client_that_goes_while_it_is_held_is_held_no_more(
    secured: Secured, prefer: str, leave: Callable[[SecureClient], None]
) -> None:
    with secured.connect() as client:
        client.request("POST", "/jobs/patient", {}, {"Prefer": prefer})
        secured.front.wait_until_held(1)
        if prefer == "heartbeat=1":
            assert client.head()[0] == 200
        leave(client)
        secured.front.wait_until_nothing_is_held()


@LEAVING
def test_a_client_that_goes_when_it_is_refused_leaves_nothing(
    secured: Secured, leave: Callable[[SecureClient], None]
) -> None:
    with secured.connect() as client:
        client.send(b"what is this\r\n\r\n")
        leave(client)


@LEAVING
def test_a_client_that_goes_in_the_middle_of_its_request_leaves_nothing(
    secured: Secured, leave: Callable[[SecureClient], None]
) -> None:
    with secured.connect() as client:
        client.send(GET[:20])
        leave(client)


def test_a_front_that_stops_sends_clients_over_tls_elsewhere(secured: Secured, tmp_path: Path) -> None:
    leaving = RelayProcess(tmp_path, *secured.front._command[4:-2], *("--drain", "5"))
    leaving.start()
    port, _, leaving.port = ports(leaving)
    leaving.wait_until_jobs_are_known()
    with SecureClient(port) as client:
        client.secure(secured.context(["http/1.1"]))
        client.request("POST", "/jobs/patient", {})
        assert client.head()[0] == 200
        leaving.signal(signal.SIGTERM)
        *_, envelope = client.chunks()
        assert b'"reattach":true' in envelope
        assert client.is_closed()
    leaving.stop()
    assert leaving.tracebacks() == 0, leaving.log_tail()
