"""Redis and Sentinels that speak TLS only, with an authority of their own, to clients with a certificate only."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred

from relay.net.client_tls import TLSFileError, TLSFiles
from relay.redis.address import Address
from relay.redis.blocking import connect
from relay.redis.connection import Connection
from relay.redis.topology import Topology, topology_of
from tests.certificates import write_authority
from tests.processes import LoggedProcess, free_port

pytestmark = pytest.mark.processes
Start = Callable[..., int]


def speaks_tls() -> bool:
    """Whether this machine has a Redis that can."""
    program = shutil.which("redis-server")
    if program is None:
        return False
    tried = [program, "--tls-port", "0", "--port", "99999"]
    return "Bad directive" not in subprocess.run(tried, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def start(tmp_path: Path, files: dict[str, Path]) -> Iterator[Start]:
    """Starts a server with this certificate; its port."""
    if not speaks_tls():
        pytest.skip("no Redis with TLS on this machine")
    made: list[LoggedProcess] = []

    def started(certificate: str, *lines: str, sentinel: bool = False) -> int:
        port, directory = free_port(), tmp_path / str(len(made))
        directory.mkdir()
        words = [
            *("port 0", f"tls-port {port}", "bind 127.0.0.1", f"dir {directory}", 'save ""'),
            *(f"tls-cert-file {files[certificate]}", f"tls-key-file {files[certificate]}"),
            *(f"tls-ca-cert-file {files['ca']}", "tls-replication yes", *lines),
        ]
        if sentinel:
            words.remove('save ""')
        (directory / "conf").write_text("\n".join([*words, ""]))
        mode = ("--sentinel",) if sentinel else ()
        server = LoggedProcess(["redis-server", str(directory / "conf"), *mode], dict(os.environ), directory)
        server.start()
        made.append(server)
        server.wait_for("Sentinel ID" if sentinel else "eady to accept connections")
        return port

    yield started
    for server in made:
        server.stop()


def answer(topology: Topology) -> Deferred[object]:
    """What a link is told, or why it could not be made."""
    from twisted.internet import reactor

    link = Connection(reactor, topology.server_of("{r0}:epoch"))
    told: Deferred[object] = Deferred()
    link.health.lost = (  # type: ignore[method-assign]
        lambda _, why: told.callback(why) if not told.called else None
    )
    link.start()
    link.command("PING").addCallbacks(told.callback, lambda _: None)

    async def ended() -> object:
        said = await told
        await link.stop()
        await topology.stop()
        return said

    return Deferred.fromCoroutine(ended())


@ensureDeferred
async def test_links_and_threads_speak_tls_with_files_of_their_own(
    start: Start, files: dict[str, Path]
) -> None:
    from twisted.internet import reactor

    port = start("server")
    options = f"ca={files['ca']}&cert={files['client']}"
    address = Address.parse(f"rediss://127.0.0.1:{port}?{options}")
    assert await answer(topology_of(reactor, address)) == b"PONG"
    assert connect(address, 2).ping() is True
    for wrong in (f"ca={files['ca']}", "", f"ca={files['client']}&cert={files['client']}"):
        address = Address.parse(f"rediss://127.0.0.1:{port}?{wrong}")
        assert await answer(topology_of(reactor, address)) != b"PONG"


@ensureDeferred
async def test_a_server_whose_certificate_is_that_of_another_host_is_not_talked_to(
    start: Start, files: dict[str, Path]
) -> None:
    from twisted.internet import reactor

    options = f"ca={files['ca']}&cert={files['client']}"
    address = Address.parse(f"rediss://127.0.0.1:{start('elsewhere')}?{options}")
    assert await answer(topology_of(reactor, address)) != b"PONG"


@pytest.mark.long
@ensureDeferred
async def test_sentinels_and_the_server_that_they_name_by_its_address_speak_tls(
    start: Start, files: dict[str, Path]
) -> None:
    from twisted.internet import reactor

    port = start("server", "user default on >secret ~* &* +@all")
    lines = f"sentinel monitor main 127.0.0.1 {port} 1", "sentinel auth-pass main secret"
    users = (
        "user relay on >told resetchannels &+switch-master -@all +subscribe +sentinel|master +sentinel|replicas "
        "+sentinel|masters +sentinel|get-master-addr-by-name"
    )
    sentinel = start("server", *lines, users, sentinel=True)
    options = f"ca={files['ca']}&cert={files['client']}&sentinel_user=relay&sentinel_password=told"
    address = Address.parse(f"rediss+sentinel://:secret@127.0.0.1:{sentinel}/main?{options}")
    topology = topology_of(reactor, address)
    topology.start()
    assert await answer(topology) == b"PONG"
    assert connect(address, 2).ping() is True


def test_a_file_that_is_of_no_use_is_named(files: dict[str, Path], tmp_path: Path) -> None:
    from twisted.internet import reactor

    (tmp_path / "empty.pem").touch()
    for options, said in {
        f"ca={tmp_path}/none.pem": "none.pem can't be read: No such file",
        f"ca={tmp_path}/empty.pem": "empty.pem has no certificate",
        f"cert={files['ca']}": "ca.pem has no private key",
        f"cert={files['client']}&key={files['server']}": "not of each other",
    }.items():
        with pytest.raises(TLSFileError, match=said):
            Address.parse(f"rediss://h?{options}").endpoint(reactor)


def test_a_key_is_taken_apart_once_and_files_that_have_changed_count_at_once(
    files: dict[str, Path], tmp_path: Path
) -> None:
    own = tmp_path / "own.pem"
    tls = TLSFiles(cert=str(own))
    own.write_bytes(files["client"].read_bytes())
    first = tls.certificate()
    assert tls.certificate()["privateKey"] is first["privateKey"]
    own.write_bytes(files["server"].read_bytes())
    other = tls.certificate()
    assert other["certificate"].get_serial_number() != first["certificate"].get_serial_number()
