"""The clients that callers have, over TLS: straight to a front, through nginx and through HAProxy as they are shipped.

OkHttp is the one that Debian has (3.13).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import write_certificate
from tests.processes import PATIENCE, RelayProcess, eventually
from tests.stack.conftest import OPTIONS, Fronts
from tests.stack.proxies import ShippedHAProxy, executable, shipped_nginx

pytestmark = pytest.mark.processes

PROGRAMS = Path(__file__).parent / "clients"
JARS = [Path("/usr/share/java/okhttp.jar"), Path("/usr/share/java/okio.jar")]
QUICK = "-XX:TieredStopAtLevel=1"  # a Java that runs for seconds need not be compiled well
#: each client, and whether it speaks HTTP/2 where that is offered
CLIENTS = {"curl": True, "requests": False, "httpx": False, "node": False, "java": True, "okhttp": True}
WAYS = ["direct", "nginx", "haproxy"]
#: the draw that is not left to the longer suite: each client but Java's own once, HTTP/2 through nginx
DRAWN = {
    *(("requests", "direct"), ("node", "direct"), ("curl", "nginx")),
    *(("okhttp", "nginx"), ("httpx", "haproxy")),
}
PAIRS = [
    pytest.param(
        (client, way), marks=() if (client, way) in DRAWN else pytest.mark.long, id=f"{client}-{way}"
    )
    for way in WAYS
    for client in CLIENTS
]
AREA = '{"box": {"width": 2, "height": 3}}'
TOO_LARGE = f'{{"box": "{"x" * 1_500_000}"}}'


@dataclass
class Way:
    """A way to a front: where it begins, and the authority that it is known by."""

    name: str
    port: int
    certificate: Path


@dataclass
class Answer:
    """What a client read."""

    protocol: str | None
    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        return json.loads(self.body)


Answers = dict[str, Answer]
Calls = dict[str, tuple[str, str, str, str]]


@pytest.fixture(scope="module")
def ways(
    standing: Fronts, proxied: Fronts, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Way]]:
    """Each of the ways, begun when it is first asked for."""
    begin = {"direct": secure_front, "nginx": through_nginx, "haproxy": through_haproxy}
    begun: dict[str, tuple[Any, int, Path]] = {}

    def way(name: str) -> Way:
        if name not in begun:
            begun[name] = begin[name](standing, proxied, tmp_path_factory.mktemp(name))
        _, port, directory = begun[name]
        return Way(name, port, directory / "authority.pem")

    yield way
    for process, _, _ in begun.values():
        process.stop()
        assert process.tracebacks() == 0, process.log_tail()


def secure_front(standing: Fronts, proxied: Fronts, directory: Path) -> tuple[Any, int, Path]:
    pem = write_certificate(directory)
    endpoint = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
    front = RelayProcess(directory, "front", "--redis", standing.redis.url, *OPTIONS, "--listen", endpoint)
    front.start()
    port = int(front.wait_for(r"listens on https://127\.0\.0\.1:(\d+)")[1])
    eventually(lambda: front.call("POST", "/jobs/whoami").status == 200, "the jobs are known")
    return front, port, authority(directory)


def through_nginx(standing: Fronts, proxied: Fronts, directory: Path) -> tuple[Any, int, Path]:
    nginx = shipped_nginx(directory, standing.ports)
    nginx.start()
    return nginx, nginx.port, authority(directory)


def through_haproxy(standing: Fronts, proxied: Fronts, directory: Path) -> tuple[Any, int, Path]:
    haproxy = ShippedHAProxy(directory, [front.proxied for front in proxied.both])
    haproxy.start()
    eventually(haproxy.answers, "HAProxy has found the fronts")
    return haproxy, haproxy.port, authority(directory)


def authority(directory: Path) -> Path:
    """The folder, with the certificate alone in it besides the one that has its key with it."""
    _, begin, certificate = (directory / "localhost.pem").read_text().partition("-----BEGIN CERTIFICATE-----")
    (directory / "authority.pem").write_text(begin + certificate)
    return directory


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The class path of a Java program, which is compiled when it is first asked for."""
    directory = tmp_path_factory.mktemp("classes")

    def compiled(name: str, jars: list[Path]) -> str:
        for jar in jars:
            if not jar.exists():
                pytest.skip(f"{jar} is not on this machine")
        path = os.pathsep.join(map(str, [directory, *jars]))
        if not (directory / f"{name}.class").exists():
            sources = [str(PROGRAMS / f"{source}.java") for source in ("Client", name)]
            subprocess.run(
                [executable("javac"), f"-J{QUICK}", "-cp", path, "-d", str(directory), *sources], check=True
            )
        return path

    return compiled


@pytest.fixture(scope="module", params=PAIRS)
def told(
    request: pytest.FixtureRequest, ways: Callable[[str], Way], classes: Callable[..., str]
) -> tuple[str, str, Answers]:
    """A client, its way, and what it was answered."""
    client, name = request.param
    command = program(client, classes)
    return client, name, answers(command, ways(name), calls(f"{client}-{name}"))


def program(client: str, classes: Callable[..., str]) -> list[str]:
    if client == "node":
        return [executable("node"), str(PROGRAMS / "client.mjs")]
    if client == "java":
        return [executable("java"), QUICK, "-cp", classes("JavaNet", []), "JavaNet"]
    if client == "okhttp":
        return [executable("java"), QUICK, "-cp", classes("OkHttp", JARS), "OkHttp"]
    if client == "curl":
        executable("curl")
    return [sys.executable, str(PROGRAMS / "client.py"), client]


def calls(key: str) -> Calls:
    """What each client asks for: method, path (`-`: the last Location), what it prefers, body."""
    return {
        "short": ("POST", "/jobs/area", "", AREA),
        "held": ("POST", "/jobs/blocking", "", '{"seconds": 2.1}'),
        "failed": ("POST", "/jobs/decline", "", "{}"),
        "accepted": ("POST", "/jobs/blocking", "respond-async", '{"seconds": 0.2}'),
        "attached": ("GET", "-", "wait=20", ""),
        "first": ("PUT", f"/jobs/area/{key}", "", AREA),
        "again": ("PUT", f"/jobs/area/{key}", "", AREA),
        "too large": ("POST", "/jobs/area", "", TOO_LARGE),
    }


def answers(command: list[str], way: Way, asked: Calls) -> Answers:
    """What a program prints for these calls."""
    done = subprocess.run(
        [*command, f"https://localhost:{way.port}", str(way.certificate)],
        input="".join("\t".join(call) + "\n" for call in asked.values()),
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(way.certificate)},
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(asked), done.stdout + done.stderr
    return {name: Answer(**json.loads(line)) for name, line in zip(asked, lines, strict=True)}


Told = tuple[str, str, Answers]


def test_http_2_is_spoken_with_the_proxies_only(told: Told) -> None:
    client, way, answers = told
    if client == "node":
        pytest.skip("Node's fetch does not say what it speaks")
    expected = "HTTP/2" if CLIENTS[client] and way != "direct" else "HTTP/1.1"
    assert {answer.protocol for answer in answers.values()} == {expected}


def test_a_short_job_is_answered_with_its_result(told: Told) -> None:
    answer = told[2]["short"]
    assert answer.status == 200
    assert answer.json()["result"] == 6
    assert "relay-outcome" not in answer.headers


def test_a_held_job_is_heartbeats_and_one_document(told: Told) -> None:
    answer = told[2]["held"]
    assert (answer.status, answer.headers["relay-outcome"]) == (200, "in-body")
    assert answer.body.startswith("\n")
    assert (answer.json()["state"], answer.json()["complete"]) == ("succeeded", True)


def test_a_job_that_fails_is_answered_with_its_problem(told: Told) -> None:
    answer = told[2]["failed"]
    assert (answer.status, answer.json()["state"]) == (402, "failed")
    assert answer.json()["error"]["decline_code"] == "funds"


def test_who_does_not_wait_attaches_later(told: Told) -> None:
    accepted, attached = told[2]["accepted"], told[2]["attached"]
    assert (accepted.status, accepted.json()["complete"]) == (202, False)
    assert accepted.headers["location"] == f"/jobs/{accepted.json()['id']}"
    assert (attached.status, attached.json()["state"]) == (200, "succeeded")
    assert attached.json()["id"] == accepted.json()["id"]


def test_the_same_again_under_its_key_is_the_same_job(told: Told) -> None:
    first, again = told[2]["first"], told[2]["again"]
    assert (first.status, again.status) == (200, 200)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()


def test_who_sends_too_much_reads_why(told: Told) -> None:
    answer = told[2]["too large"]
    assert (answer.status, answer.json()["type"]) == (413, "/problems/too-large")
