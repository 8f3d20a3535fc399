"""``relay submit``: a job by a front, as any client has it done."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.shell import Shell
from tests.processes import ROOT, RelayProcess, eventually
from tests.started import start

pytestmark = pytest.mark.processes

TOKEN = "rt_not_one_that_is_known"


@pytest.fixture(scope="module")
def shell(relay_process: RelayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
    url = f"http://127.0.0.1:{relay_process.port}"
    shell = Shell(tmp_path_factory.mktemp("shell"), {**environment, "RELAY_URL": url})
    yield shell
    shell.close()


def test_the_result_is_written(relay: RelayProcess, shell: Shell) -> None:
    assert shell.run("submit", "echo", "message=5") == (0, '"5"\n', "")
    assert shell.run("submit", "echo", "message:=[5]") == (0, "[\n  5\n]\n", "")
    box = '{"box": {"width": 2, "height": 3}}'
    assert shell.run("submit", "area", "scale:=2", "--json", box) == (0, "12\n", "")


def test_the_envelope_is_written_whatever_the_state(relay: RelayProcess, shell: Shell) -> None:
    ran = shell.run("submit", "decline", "--envelope")
    assert (ran.status, ran.said) == (3, "relay: decline failed: insufficient funds\n")
    assert json.loads(ran.output)["error"]["decline_code"] == "funds"
    assert shell.run("submit", "decline").output == ""


def test_nobody_waits(relay: RelayProcess, shell: Shell) -> None:
    ran = shell.run("submit", "echo", "message=later", "--async", "--key", f"key-{os.urandom(4).hex()}")
    id = ran.output.strip()
    assert ran == (0, f"{id}\n", "")
    assert relay.call("GET", f"/jobs/{id}", headers={"Prefer": "wait=20"}).json()["result"] == "later"


def test_the_same_key_is_the_same_job(relay: RelayProcess, shell: Shell) -> None:
    words = ("submit", "whoami", "--key", f"key-{os.urandom(4).hex()}")
    assert shell.run(*words) == shell.run(*words)


def test_times(relay: RelayProcess, shell: Shell) -> None:
    id = shell.run("submit", "echo", "--delay", "600", "--async").output.strip()
    assert relay.call("DELETE", f"/jobs/{id}").json()["state"] == "cancelled"
    assert shell.run("submit", "patient", "--deadline", "0.5").status == 3


def test_what_happens_is_written_while_it_does(relay: RelayProcess, shell: Shell) -> None:
    relay.expected_tracebacks = 1
    ran = shell.run("submit", "second_time", "--events")
    *events, envelope = [json.loads(line) for line in ran.output.splitlines()]
    assert (ran.status, ran.said, envelope["result"]) == (0, "", 2)
    assert "retrying" in [event["event"] for event in events]
    assert all(event["data"]["id"] == envelope["id"] and event["id"] for event in events)


def test_what_is_refused_says_why(relay: RelayProcess, shell: Shell) -> None:
    ran = shell.run("submit", "area", "box=none")
    assert (ran.status, ran.output) == (1, "")
    assert ran.said.startswith("relay: 422: ")
    assert "box" in ran.said
    ran = shell.run("submit", "nothing_like_this")
    assert (ran.status, ran.said[:11]) == (1, "relay: 404:")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("echo", "message:=x"), "message:=x: it is not JSON"),
        (("echo", "--json", "[1]"), "--json: it is not a JSON object"),
        (("echo", "--url", "example.com"), "example.com is not a URL"),
        (("echo", "--token-file", "nowhere"), "--token-file nowhere: No such file"),
        (("echo", "message"), "'message' is not of the form ARG=VALUE"),
        (("echo", "--delay", "soon"), "'soon' is not a number of seconds"),
        (("echo", "--notify", "a b"), "whom to notify is said in 1 to 1024"),
        (("Echo",), "'Echo' is not the name of a job"),
        (("echo", "--async", "--events"), "not allowed with"),
    ],
)
def test_mistakes(relay: RelayProcess, shell: Shell, words: tuple[str, ...], said: str) -> None:
    ran = shell.run("submit", *words)
    assert (ran.status, ran.output, ran.said.count("\n")) == (2, "", 1)
    assert said in ran.said


def test_arguments_come_from_standard_input(relay: RelayProcess) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "relay.commands.main", "submit", "echo", "--json", "-"],
        input='{"message": "grüße"}',
        env=environment(f"http://127.0.0.1:{relay.port}"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == "grüße"


def test_that_nobody_answers_is_said_once_while_the_same_is_sent_again() -> None:
    body = b'{"complete": true, "state": "succeeded", "result": "5"}'
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        command = [sys.executable, "-m", "relay.commands.main", "submit", "echo", "message=5"]
        submitting = start(
            command, env=environment(url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2):
            server.accept()[0].close()
        assert submitting.stderr is not None
        assert select.select([submitting.stderr], [], [], 20)[0], "it is said before there is an answer"
        with server.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            output, said = submitting.communicate(timeout=20)
    assert said.startswith(f"relay: no answer from {url} yet, so the same is sent again and again (")
    assert (submitting.returncode, output, said.count("\n")) == (0, '"5"\n', 1)


def test_who_is_interrupted_leaves_the_job(relay: RelayProcess, tmp_path: Path) -> None:
    key = f"key-{os.urandom(4).hex()}"
    command = [sys.executable, "-m", "relay.commands.main", "submit", "patient", "--key", key]
    submitting = start(
        command,
        env=environment(f"http://127.0.0.1:{relay.port}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    relay.wait_until_held(1)
    submitting.send_signal(signal.SIGINT)
    output, said = submitting.communicate(timeout=20)
    assert (submitting.returncode, output, said) == (130, b"", b"")
    eventually(lambda: relay.held() == 0, "nobody waits")
    job = relay.call("GET", f"/jobs/patient/{key}").json()
    assert job["state"] == "running"
    relay.call("DELETE", f"/jobs/{job['id']}")


def environment(url: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "RELAY_URL": url}


def test_a_token_is_sent(relay: RelayProcess, shell: Shell, tmp_path: Path) -> None:
    """Nobody asks for one here; that it is one that could be sent is seen before."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    words = ("submit", "echo", "message=5", "--token-file", str(tmp_path / "token"))
    assert shell.run(*words).status == 0
    assert shell.run("submit", "echo", RELAY_TOKEN="a b").status == 2


def test_it_brings_no_twisted() -> None:
    code = (
        "import relay.commands.submit_command, relay.commands.submit_arguments, sys;"
        "sys.exit(any(name.startswith('twisted') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
