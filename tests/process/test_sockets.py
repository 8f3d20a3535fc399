"""Listening sockets: what can be bound, for whom, and that any endpoint can be made of it again."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol

from relay.model.settings import SettingError, Settings
from relay.net.client_socket import ClientSocket
from relay.net.outgoing import socket_of
from relay.process import sockets
from relay.process.binder import Binder
from tests.certificates import write_certificate

HERE = "tcp:0:interface=127.0.0.1"


def bind(description: str, open: bool = False) -> socket.socket:
    (bound,) = sockets.bind(Mock(), [description], open)
    return bound


@pytest.mark.parametrize("kind", [HERE, f"haproxy:{HERE}", "tcp6:0:interface=\\:\\:1", "ssl"])
def test_a_socket_listens_before_anybody_serves_it(kind: str, tmp_path: Path) -> None:
    """Who connects meanwhile is accepted later."""
    pem = write_certificate(tmp_path) if kind == "ssl" else ""
    description = f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}" if pem else kind
    with bind(description) as bound, socket.create_connection(bound.getsockname()[:2], 5):
        assert bound.getblocking() is False
        assert bound.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        accepted, _ = bound.accept()
        accepted.close()


@pytest.mark.parametrize(
    ("description", "said"),
    [
        ("nonsense:1", "nonsense"),
        ("tcp:many", "many"),
        ("tcp:0:interface=192.0.2.1", "assign|address"),
        ("ssl:0:privateKey=/missing.pem", "missing.pem"),
        ("systemd:domain=INET:index=7", "handed over no such socket"),
        ("unix:/no/such/folder/a.sock", "No such file"),
    ],
)
def test_an_endpoint_that_can_not_be_bound_is_a_wrong_setting(description: str, said: str) -> None:
    with pytest.raises(SettingError, match=f"^--listen {description[:5]}.*({said})"):
        bind(description)


def test_a_port_that_is_taken_is_a_wrong_setting() -> None:
    with bind(HERE) as bound, pytest.raises(SettingError, match="in use"):
        bind(f"tcp:{bound.getsockname()[1]}:interface=127.0.0.1")


def test_an_endpoint_that_does_not_listen_on_a_socket_can_not_be_shared() -> None:
    with pytest.raises(SettingError, match="shared"):
        bind("stdio:")


@pytest.mark.parametrize(
    ("settings", "is_bound"),
    [
        (Settings(), False),
        (Settings(open=True), True),
        (Settings(allow=("10.0.0.0/8",)), True),
        (Settings(ticket_secrets="file"), True),
    ],
    ids=["closed", "open", "allow", "tickets"],
)
def test_others_than_this_machine_reach_what_somebody_may_call(settings: Settings, is_bound: bool) -> None:
    refused = contextlib.nullcontext() if is_bound else pytest.raises(SettingError, match="--open")
    with refused:
        sockets.bound(Mock(), settings, ["tcp:0"])[0].close()


# -- unix sockets --


def test_a_unix_socket_has_the_mode_that_was_asked_for_and_its_path_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with bind(f"unix:{path}:mode=600") as bound:
        assert path.stat().st_mode & 0o777 == 0o600
        assert sockets.path_of(bound, f"unix:{path}") == path
        assert sockets.path_of(bound, "systemd:domain=UNIX:index=0") is None
    sockets.remove(path)
    sockets.remove(path)
    sockets.remove(None)
    assert not path.exists()


def test_a_unix_socket_that_nobody_serves_is_bound_again_and_others_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    bind(f"unix:{path}").close()  # its path stays, as after a crash
    with bind(f"unix:{path}"), pytest.raises(SettingError, match="in use"):
        bind(f"unix:{path}")
    file = tmp_path / "file"
    file.write_text("somebody's")
    with pytest.raises(SettingError, match="in use"):
        bind(f"unix:{file}")
    assert file.read_text() == "somebody's"


# -- what systemd hands over --


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_socket_of_systemd_is_bound_already(family: socket.AddressFamily) -> None:
    binder = Binder(Mock())
    with socket.socket(family) as given:
        given.bind(("127.0.0.1", 0) if family == socket.AF_INET else "")
        given.listen()
        binder.adoptStreamPort(given.fileno(), family, None)
        assert binder.socket is not None
        with binder.socket as bound:
            assert (bound.family, bound.getsockname()) == (family, given.getsockname())
            assert bound.fileno() != given.fileno()
            assert bound.getblocking() is False


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_one_that_does_not_listen_is_refused(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as given, pytest.raises(ValueError, match="does not listen"):
        Binder(Mock()).adoptStreamPort(given.fileno(), socket.AF_INET, None)


def test_processes_that_we_start_hear_nothing_of_what_systemd_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LISTEN_PID", "LISTEN_FDS"):
        monkeypatch.setenv(name, "1")
    sockets.keep_to_ourselves()
    assert not [name for name in os.environ if name.startswith("LISTEN_")]


# -- served --


class Greeting(Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"hello")  # type: ignore[union-attr]
        self.transport.loseConnection()  # type: ignore[union-attr]


class Reading(Protocol):
    def __init__(self) -> None:
        self.read: Deferred[bytes] = Deferred()
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data

    def connectionLost(self, *_: Any) -> None:
        self.read.callback(self._data)


@ensureDeferred
@pytest.mark.parametrize(
    ("serves", "header"),
    [(HERE, b""), ("systemd:domain=INET:name=a", b""), (f"haproxy:{HERE}", b"PROXY UNKNOWN\r\n")],
)
async def test_what_was_bound_is_served_by_the_same_endpoint(serves: str, header: bytes) -> None:
    from twisted.internet import reactor

    bound = bind(HERE)
    port = bound.getsockname()[1]
    endpoint = sockets.BoundEndpoint(reactor, serves, bound)
    assert str(endpoint).startswith(f"http://127.0.0.1:{port}")
    listening = await endpoint.listen(Factory.forProtocol(Greeting))
    client = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", port), Reading())
    client.transport.write(header)
    assert await client.read == b"hello"
    await listening.stopListening()


@ensureDeferred
@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_unix_socket_goes_with_the_last_who_serves_it(is_ours: bool, tmp_path: Path) -> None:
    from twisted.internet import reactor

    path = tmp_path / "a.sock"
    description = f"unix:{path}:mode=600"
    endpoint = sockets.BoundEndpoint(reactor, description, bind(description), is_ours)
    listening = await endpoint.listen(Factory.forProtocol(Greeting))
    client = await connectProtocol(UNIXClientEndpoint(reactor, str(path)), Reading())
    assert await client.read == b"hello"
    await listening.stopListening()
    assert path.exists() is not is_ours


class Noting(Protocol):
    """Notes on what it is."""

    transports: ClassVar[list[Any]] = []

    def connectionMade(self) -> None:
        self.transports.append(self.transport)
        self.transport.loseConnection()  # type: ignore[union-attr]


@ensureDeferred
@pytest.mark.parametrize("proxied", ["", "haproxy:"])
@pytest.mark.parametrize("kind", ["tcp", "unix", "ssl"])
async def test_a_client_is_on_a_socket_of_its_own_unless_it_is_in_tls(
    kind: str, proxied: str, tmp_path: Path
) -> None:
    from twisted.internet import reactor

    pem = write_certificate(tmp_path)
    serves = {
        "tcp": HERE,
        "unix": f"unix:{tmp_path}/a.sock",
        "ssl": f"ssl:0:interface=127.0.0.1:privateKey={pem}:certKey={pem}",
    }[kind]
    bound = bind(serves)
    name = bound.getsockname()
    endpoint = sockets.BoundEndpoint(reactor, f"{proxied}{serves}", bound)
    listening = await endpoint.listen(Factory.forProtocol(Noting))
    to = UNIXClientEndpoint(reactor, name) if kind == "unix" else TCP4ClientEndpoint(reactor, *name)
    await (await connectProtocol(to, Reading())).read
    assert isinstance(socket_of(Noting.transports.pop()), ClientSocket) is (kind != "ssl")
    await listening.stopListening()
