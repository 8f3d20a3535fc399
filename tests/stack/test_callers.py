"""A relay that strangers can reach, as docs/security.md sets it up: two apps and a backend are three callers, over TLS
and through the shipped nginx."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from relay.handover import Handover
from relay.model.tickets import Ticket, sign
from tests.certificates import write_certificate
from tests.processes import ROOT, Client, LoggedProcess, Response, eventually, free_port
from tests.stack.proxies import Nginx, SecureClient, shipped_nginx

pytestmark = pytest.mark.processes

PAGE = (ROOT / "docs" / "security.md").read_text()
SECRET = "a secret that the backend and relay share"
#: the page's jobs, and those of the tests that stand for them
JOBS = {"report,resize_*": "area,lar*,patient", "report": "patient"}
QUEUED = {"Prefer": "respond-async"}


def block(language: str, after: str) -> str:
    """The first block of the page behind these words."""
    found = re.search(rf"```{language}\n(.*?)^```$", PAGE[PAGE.index(after) :], re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@dataclass
class Exposed:
    """A relay with the settings of the page, and nginx in front of it."""

    relay: LoggedProcess
    nginx: Nginx
    certificate: Path
    secure: int
    plain: int
    tokens: dict[str, str] = field(default_factory=dict)

    def connect(self, way: str) -> Client:
        if way == "direct":
            return SecureClient(self.secure, self.certificate)
        return SecureClient(self.nginx.port, self.nginx.directory / "localhost.pem")

    def as_(self, caller: str, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[caller]}", **more}

    def call(
        self, way: str, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Response:
        with self.connect(way) as client:
            client.request(method, path, body, headers)
            return client.response(method)

    def put(self, way: str, caller: str, job: str, body: Any = None, **headers: str) -> Response:
        """Submit a job under a new key."""
        Exposed.keys += 1
        return self.call(way, "PUT", f"/jobs/{job}/{Exposed.keys}", body, self.as_(caller, **headers))

    keys = 0


def settings(directory: Path, ports: tuple[int, int], certificate: Path) -> Path:
    """The page's relay.toml, but for paths, ports and jobs."""
    text = block("toml", "## A relay that strangers can reach")
    (directory / "ticket-secrets").write_text(SECRET + "\n")
    (directory / "ticket-secrets").chmod(0o600)
    changes = {
        "ssl:8443": f"ssl:{ports[0]}:interface=127.0.0.1",
        "tcp:8080": f"tcp:{ports[1]}",
        "/etc/relay/privkey.pem": str(certificate),
        "/etc/relay/fullchain.pem": str(certificate),
        "/etc/relay/": f"{directory}/",
        "myapp.jobs": "tests.sample_jobs",
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    tomllib.loads(text)
    file = directory / "relay.toml"
    file.write_text(text + "grace = 1.0\nheartbeat = 1.0\ndrain = 1.0\n")
    file.chmod(0o640)
    return file


def make_tokens(directory: Path) -> dict[str, str]:
    """The page's commands, but for the path and the jobs; the token of each caller."""
    tokens = {}
    for line in block("", "Each [caller](callers.md) gets a token").strip().splitlines():
        words = shlex.split(line.replace("/etc/relay/", f"{directory}/"))
        assert words[0] == "relay"
        words = [JOBS.get(word, word) for word in words]
        command = [sys.executable, "-m", "relay.commands.main", *words[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        tokens[words[words.index("--file") + 2]] = done.stdout.strip()
    return tokens


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exposed]:
    directory = tmp_path_factory.mktemp("exposed")
    certificate = write_certificate(directory)
    ports = free_port(), free_port()
    tokens = make_tokens(directory)
    twistd = str(Path(sys.executable).parent / "twistd")
    file = settings(directory, ports, certificate)
    relay = LoggedProcess(
        [twistd, "-n", "--pidfile=", "relay", "--config", str(file)],
        {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        directory,
    )
    relay.start()
    relay.wait_for("relay worker serves")
    relay.wait_for("relay front listens", count=2)
    (directory / "nginx").mkdir()
    nginx = shipped_nginx(directory / "nginx", [ports[1]])
    nginx.start()
    exposed = Exposed(relay, nginx, certificate, *ports, tokens)
    eventually(lambda: exposed.put("direct", "backend", "area", BOX).status == 200, "the jobs are known")
    yield exposed
    nginx.stop()
    relay.stop()
    assert relay.tracebacks() == 0


@pytest.fixture
def exposed(standing: Exposed) -> Exposed:
    return standing


BOX = {"box": {"width": 2, "height": 3}}
WAYS = pytest.mark.parametrize("way", ["direct", "nginx"])


def test_the_tokens_are_in_the_file_by_their_hashes_alone(exposed: Exposed) -> None:
    text = (exposed.relay.directory / "tokens.toml").read_text()
    assert sorted(tomllib.loads(text)) == ["android-app", "backend", "ios-app"]
    assert not [token for token in exposed.tokens.values() if token[4:] in text]
    assert all(token.startswith("rly_") for token in exposed.tokens.values())


@WAYS
def test_each_caller_may_call_its_own_jobs(exposed: Exposed, way: str) -> None:
    assert exposed.put(way, "ios-app", "area", BOX).json()["result"] == 6
    assert exposed.put(way, "backend", "area", BOX).json()["result"] == 6
    for caller, job in (("android-app", "area"), ("ios-app", "decline"), ("ios-app", "nothing")):
        refused = exposed.put(way, caller, job, BOX)
        assert (refused.status, refused.json()["type"]) == (403, "/problems/job-not-allowed")
    unknown = exposed.put(way, "backend", "nothing")
    assert (unknown.status, unknown.json()["type"]) == (404, "/problems/unknown-job")


@WAYS
def test_nobody_else_gets_in(exposed: Exposed, way: str) -> None:
    token = exposed.tokens["backend"]
    fields = [
        {},
        *({"Authorization": value} for value in (token, f"Basic {token}", f"Bearer {token}x", "Bearer")),
    ]
    for headers in fields:
        refused = exposed.call(way, "PUT", "/jobs/area/1", BOX, headers)
        assert (refused.status, refused.json()["type"]) == (401, "/problems/unauthorized")
        assert refused.headers["www-authenticate"].startswith("Bearer ")
    exposed.relay.wait_for("a caller from 127.0.0.1 was refused: ")
    assert token not in exposed.relay.log_tail(10_000)


@WAYS
def test_a_caller_sees_its_own_jobs_only(exposed: Exposed, way: str) -> None:
    theirs = exposed.put(way, "ios-app", "patient", **QUEUED)
    id, key = theirs.json()["id"], Exposed.keys
    ticket = sign(SECRET, Ticket(id, time.time() + 60, "", False, "token:android-app"))
    for method, path in (
        *(("GET", f"/jobs/{id}"), ("HEAD", f"/jobs/{id}"), ("DELETE", f"/jobs/{id}")),
        *(("GET", f"/jobs/patient/{key}"), ("GET", f"/jobs/{id}-then"), ("GET", f"/tickets/{ticket}")),
    ):
        for more in ({}, {"Prefer": "wait=5"}):
            answer = exposed.call(way, method, path, None, exposed.as_("android-app", **more))
            assert answer.status == 404, (method, path)
    assert (
        exposed.call(way, "GET", f"/jobs/{id}", None, exposed.as_("ios-app")).json()["state"] != "cancelled"
    )
    assert exposed.call(way, "DELETE", f"/jobs/{id}", None, exposed.as_("ios-app")).status in (200, 202)


@WAYS
def test_a_backend_acts_for_its_users_and_they_come_by_ticket(exposed: Exposed, way: str) -> None:
    for options in ({"token": exposed.tokens["backend"]}, {}):
        backend = Handover(f"http://127.0.0.1:{exposed.plain}", SECRET, **options)
        Exposed.keys += 1
        key = f"order {Exposed.keys}"
        mine = backend.submit("area", BOX, key=key, subject="alice")
        answer = exposed.call(way, "GET", mine["X-Accel-Redirect"])
        assert (answer.status, answer.json()["result"]) == (200, 6)
        id = answer.json()["id"]
        assert backend.look(id, subject="alice")["result"] == 6
        as_alice = exposed.as_("backend", **{"Relay-Subject": "alice"})
        assert (
            exposed.call(way, "GET", f"/jobs/area/{key.replace(' ', '%20')}", None, as_alice).json()["id"]
            == id
        )
        for other in ({"Relay-Subject": "bob"}, {}):
            assert (
                exposed.call(way, "GET", f"/jobs/{id}", None, exposed.as_("backend", **other)).status == 404
            )
        theirs = sign(SECRET, Ticket(id, time.time() + 60, "", False, "sub:bob"))
        assert exposed.call(way, "GET", f"/tickets/{theirs}").status == 404
    refused = exposed.call(
        way, "GET", f"/jobs/{id}", None, exposed.as_("ios-app", **{"Relay-Subject": "alice"})
    )
    assert (refused.status, refused.json()["type"]) == (403, "/problems/forbidden")


def test_a_caller_at_its_rate_is_told_when_to_come_again(exposed: Exposed) -> None:
    answers = [exposed.put("direct", "android-app", "patient", **QUEUED) for _ in range(40)]
    refused = [answer for answer in answers if answer.status == 429]
    accepted = [answer for answer in answers if answer.status == 202]
    assert len(accepted) + len(refused) == 40
    assert len(accepted) >= 10
    assert refused
    for answer in refused:
        assert answer.json()["type"] == "/problems/rate-exceeded"
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.headers["ratelimit-policy"] == '"rate";q=10;w=1'
        assert answer.headers["ratelimit"].startswith('"rate";r=0;t=')
    assert exposed.put("direct", "ios-app", "area", BOX).status == 200  # others are not at it
    for answer in accepted:
        exposed.call("direct", "DELETE", f"/jobs/{answer.json()['id']}", None, exposed.as_("android-app"))


def test_a_caller_has_no_more_jobs_than_it_may(exposed: Exposed) -> None:
    """100, which android-app may have, take ten seconds at its rate: its token is changed while relay runs."""
    file = exposed.relay.directory / "tokens.toml"
    before = file.read_text()
    file.write_text(
        before.replace("queued = 100\n", "queued = 3\n").replace('rate = "10/s"', 'rate = "1000/s"')
    )
    try:
        exposed.relay.wait_for(r"\[front .*tokens now")
        answers = [exposed.put("nginx", "android-app", "patient", **QUEUED) for _ in range(5)]
        assert [answer.status for answer in answers] == [202, 202, 202, 429, 429]
        assert answers[-1].json()["type"] == "/problems/too-many-queued"
        first = answers[0].json()["id"]
        exposed.call("nginx", "DELETE", f"/jobs/{first}", None, exposed.as_("android-app"))
        eventually(
            lambda: exposed.put("nginx", "android-app", "patient", **QUEUED).status == 202,
            "there is room again",
        )
    finally:
        file.write_text(before)
        exposed.relay.wait_for(r"\[front .*tokens now", count=2)


def test_a_revoked_token_is_refused_within_seconds_and_its_held_request_is_answered(exposed: Exposed) -> None:
    def tokens(*words: str) -> str:
        file = exposed.relay.directory / "tokens.toml"
        command = [sys.executable, "-m", "relay.commands.main", "tokens", *words, "--file", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()

    exposed.tokens["visitor"] = tokens("add", "visitor")
    eventually(lambda: exposed.put("direct", "visitor", "area", BOX).status == 200, "the token is known")
    with exposed.connect("direct") as client:
        client.request("PUT", "/jobs/large/revoked", {"size": 10, "seconds": 4}, exposed.as_("visitor"))
        assert client.head()[0] == 200
        tokens("revoke", "visitor")
        eventually(
            lambda: exposed.put("direct", "visitor", "area", BOX).status == 401, "the token is refused"
        )
        assert json.loads(b"".join(client.chunks()))["state"] == "succeeded"
