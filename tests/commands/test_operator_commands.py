"""Commands of operators on a real relay, by its store: what ``docs/command.md`` shows, and what each does."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from select import select
from typing import Any

import pytest

from relay.commands.processes import sockets_of_redis
from relay.model.token import digest_of, make_token
from tests.commands.shell import Ran, Shell
from tests.processes import PATIENCE, ROOT, RelayProcess, eventually, free_port
from tests.started import start

pytestmark = pytest.mark.processes
MODULE = """
from twisted.internet.defer import Deferred
from relay import JobError, job

@job(queue="slow")
def hang() -> Deferred[None]:
    return Deferred()

@job(retries=1)
def lose(page: int) -> None:
    raise JobError("there is no paper", type="no-paper")

@job(cron="0 3 * * *", catch_up="last", limit="100/m")
def night() -> None: ...
"""


class Operator(Shell):
    """Somebody at a shell beside a relay with jobs in all states."""

    def __init__(self, directory: Path) -> None:
        (directory / "paper.py").write_text(MODULE)
        self.directory = directory
        self.admin = free_port()
        self.tokens = {name: make_token() for name in ("app", "look", "act")}
        (directory / "tokens.toml").write_text("\n".join(map(self._table, self.tokens)))
        (directory / "tokens.toml").chmod(0o600)
        options = ("--jobs", "paper", "--concurrency", "1", "--drain", "1", "--tokens", "tokens.toml")
        admin = f"tcp:{self.admin}:interface=127.0.0.1"
        self.relay = RelayProcess(directory, "all", *options, "--data", "data", "--admin", admin)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RELAY_")}
        super().__init__(directory, {**environment, "RELAY_DATA": "data"})

    def _table(self, name: str) -> str:
        may = "" if name == "app" else f'operator = "{name}"\n'
        return f'[{name}]\nsha256 = ["{digest_of(self.tokens[name]).hex()}"]\n{may}'

    def ask(self, operator: str, *words: str) -> Ran:
        """Run a command at the admin listener, with this operator's token."""
        file = self.directory / operator
        file.write_text(self.tokens.get(operator, "rly_wrong"))
        url = f"http://127.0.0.1:{self.admin}"
        return self.run(*words, "--admin", url, "--token-file", operator)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "relay.commands.main", *words]

    def submit(self, name: str, body: Any = None) -> str:
        """The id of a new job, once its name is known."""
        headers = {"Prefer": "respond-async", "Authorization": f"Bearer {self.tokens['app']}"}

        def accepted() -> Any:
            answer = self.relay.call("POST", f"/jobs/{name}", body or {}, headers)
            return answer.json() if answer.status == 202 else None

        return str(eventually(accepted, f"{name} is accepted")["id"])

    def start(self) -> None:
        self.relay.start()
        self.relay.wait_for("relay shows itself to operators")
        self.lost = self.submit("lose", {"page": 7})
        eventually(lambda: self.listed("dead"), "it is dead")
        self.hanging = [self.submit("hang"), self.submit("hang")]
        eventually(lambda: self.read("workers")["running"], "one runs")
        eventually(self.is_told, "the worker has told of it")

    def is_told(self) -> bool:
        """Whether the worker, which tells of itself every few seconds, has told of a failed and of a running job."""
        ran = self.run("status", "--json")
        said = json.loads(ran.output)
        running = [
            process["running"] for process in said["overview"]["processes"] if process["role"] == "worker"
        ]
        return bool(said["figures"]["failing"]) and running == [1]


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    operator = Operator(tmp_path_factory.mktemp("operator"))
    operator.start()
    yield operator
    operator.close()
    operator.relay.stop()


# -- to look --


def shown() -> Iterator[tuple[str, str]]:
    """The commands in docs/command.md, each with what it writes."""
    page = (ROOT / "docs/command.md").read_text()
    for text in re.findall(r"^```shell-session\n\$ relay (.*?)^```$", page, re.MULTILINE | re.DOTALL):
        words, _, output = text.partition("\n")
        yield words, output


#: what differs each time, with what stands for it
BLURRED = {
    r"\b0-[a-z0-9]{8}-[a-z0-9]{16,24}\b": "ID",
    r"\b[fws][a-z0-9]{16}\b": "PROCESS",
    r"\b20\d\d-\d\d-\d\dT03:00": "NIGHT",
    r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z": "TIME",
    r"\bRedis [\d.]+": "Redis VERSION",
    r"\b[\d,.]+ ([KM]iB|commands/s|clients)": r"N \1",
    r"\b[\d.]+ (ms|s|min|h)\b( \d+ (s|min)\b)?": "SECONDS",
    r"\s+": " ",
}


#: what is said where this machine has too little CPU for its tests
SLOW = re.compile(r"^warning: .*( s late| waits for |round trip).*\n    → .*\n", re.MULTILINE)


def blurred(text: str) -> str:
    """A text less what differs each time."""
    if SLOW.search(text):
        text = re.sub(r"\A\d+ things? (is|are) wrong\.", "All is well.", SLOW.sub("", text))
    for pattern, name in BLURRED.items():
        text = re.sub(pattern, name, text)
    return re.sub(r"(?<= web1) \d+ ", " PID ", text).strip()


def test_commands_show_what_the_docs_show(operator: Operator) -> None:
    examples = list(shown())
    assert len(examples) >= 8
    for words, output in examples:
        ran = operator.run(*re.sub(r"\b0-\S+", operator.lost, words).split())
        assert (ran.status, ran.said) == (3 if SLOW.search(ran.output) else 0, ""), words
        here = ran.output.replace(f" {socket.gethostname()} ", " web1 ")
        assert blurred(here) == blurred(output), words


def test_status_says_whether_all_is_well(operator: Operator) -> None:
    seen = operator.run("status")
    assert seen.status == (0 if seen.output.startswith("All is well.\n") else 3)
    assert [each["what"] for each in operator.read("status")["findings"]][-1] == "1 dead job"


def test_jobs_are_found_by_what_is_known_of_them(operator: Operator) -> None:
    assert [each["id"] for each in operator.listed("jobs", "--state", "running")] == operator.hanging[:1]
    assert {each["id"] for each in operator.listed("jobs", "--queue", "slow")} >= set(operator.hanging)
    assert [each["id"] for each in operator.listed("jobs", "--problem", "no-paper", "--state", "dead")] == [
        operator.lost
    ]
    assert operator.listed("jobs", "--until", "1h") == []
    assert len(operator.listed("jobs", "--since", "1h", "-n", "1")) == 1
    detail = operator.read("job", operator.hanging[1])
    assert detail["row"]["state"] == "queued"
    unknown = operator.run("job", "0-nobody-knows")
    assert unknown.status == 1
    assert unknown.said.count("\n") == 1


def test_the_redis_of_a_relay_that_runs_elsewhere_is_found(operator: Operator) -> None:
    assert operator.relay.process is not None
    (found,) = sockets_of_redis([operator.relay.process.pid])
    assert Path(found) == operator.directory / "data/redis.sock"


@pytest.mark.long
def test_top_shows_one_screen_or_a_line_for_each_look(operator: Operator) -> None:
    once = operator.run("top", "--once")
    assert once.status == 0
    assert "in a second: submissions" in once.output
    assert "hang" in once.output
    looking = start(
        operator.command("top", "--json", "--every", "0.5"),
        cwd=operator.directory,
        env={**operator.environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert looking.stdout is not None
    assert [json.loads(looking.stdout.readline())["overview"]["running"] for _ in range(2)] == [1, 1]
    looking.send_signal(signal.SIGINT)
    _, said = looking.communicate(timeout=PATIENCE)
    assert (looking.returncode, said) == (130, "")


# -- to act --


def test_a_queue_is_paused_and_goes_on(operator: Operator) -> None:
    paused = operator.run("queues", "pause", "slow")
    assert paused.said == "the queue slow starts jobs no more; those that run go on\n"
    assert [each["queue"] for each in operator.read("queues")["queues"] if each["paused"]] == ["slow"]
    status = operator.run("status")
    assert "note: the queue slow is paused" in status.output
    assert operator.run("queues", "resume", "slow").status == 0
    assert not any(each["paused"] for each in operator.read("queues")["queues"])
    assert operator.run("queues", "pause", "--name", "hang").status == 0
    assert [each["name"] for each in operator.read("queues")["names"] if each["paused"]] == ["hang"]
    assert operator.run("queues", "resume", "--name", "hang").status == 0


@pytest.mark.long
def test_a_worker_is_quiet_and_goes_on(operator: Operator) -> None:
    (worker,) = operator.read("workers")["workers"]
    assert operator.run("workers", "quiet", worker["name"]).status == 0
    eventually(lambda: operator.read("workers")["workers"][0]["quiet"], "it says so")
    assert operator.run("workers", "go-on", worker["name"]).status == 0
    nobody = operator.run("workers", "quiet", "nobody")
    assert (nobody.status, nobody.said.count("\n")) == (1, 1)


@pytest.mark.long
def test_a_queue_is_purged_only_if_the_number_is_known(operator: Operator) -> None:
    waiting = [operator.submit("hang") for _ in range(3)]
    few = operator.run("queues", "purge", "--name", "hang", "--yes", "--expect", "2")
    assert (few.status, "more than the 2 expected" in few.said) == (1, True)
    nobody = operator.run("queues", "purge", "--name", "hang")
    assert nobody.status == 1
    assert "nobody can be asked here" in nobody.said
    assert operator.run("queues", "purge", "--name", "hang", "--yes").status == 2
    with_wrong = at_terminal(operator, "2", "queues", "purge", "--name", "hang")
    assert "nothing was done" in with_wrong
    count = len(waiting) + 1
    assert f"{count} jobs cancelled" in at_terminal(operator, str(count), "queues", "purge", "--name", "hang")
    assert operator.read("job", waiting[0])["row"]["state"] == "cancelled"
    assert operator.read("job", operator.hanging[0])["row"]["state"] == "running"


def open_terminal(operator: Operator, kind: str, *words: str) -> tuple[subprocess.Popen[bytes], int]:
    """A command at a terminal, and the other end of that."""
    ours, theirs = pty.openpty()
    running = start(
        operator.command(*words),
        cwd=operator.directory,
        env={**operator.environment, "PYTHONPATH": str(ROOT), "TERM": kind},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    return running, ours


def at_terminal(operator: Operator, answer: str, *words: str) -> str:
    """What is shown to somebody at a terminal who types this."""
    running, ours = open_terminal(operator, "dumb", *words)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    with suppress(OSError):  # it has ended
        while data := os.read(ours, 4096):
            shown += data
    running.wait(PATIENCE)
    os.close(ours)
    return shown.decode()


def read_some(terminal: int) -> bytes:
    """What is shown next."""
    readable, _, _ = select([terminal], [], [], PATIENCE)
    assert readable
    return os.read(terminal, 65536)


def test_top_at_a_terminal_ends_when_it_is_interrupted(operator: Operator) -> None:
    running, ours = open_terminal(operator, "xterm", "top", "--every", "60")
    while b"jobs: " not in read_some(ours):
        pass
    running.send_signal(signal.SIGINT)
    with suppress(OSError):  # it has ended
        while read_some(ours):
            pass
    assert running.wait(PATIENCE) == 130
    os.close(ours)


def test_a_relay_is_operated_over_its_admin_listener(operator: Operator) -> None:
    assert json.loads(operator.ask("look", "job", operator.lost, "--json").output) == operator.read(
        "job", operator.lost
    )
    seen = operator.ask("look", "status")
    assert "jobs: 1 waiting, 1 running" in seen.output
    refused = operator.ask("look", "queues", "pause", "slow")
    assert (refused.status, refused.said.count("\n")) == (1, 1)
    assert "does not let this be done: this token may look, and not act" in refused.said
    assert operator.ask("act", "queues", "pause", "slow").status == 0
    operator.relay.wait_for(r'operator act at 127\.0\.0\.1: pause_queue .*"slow".*: done')
    assert operator.ask("act", "queues", "resume", "slow").status == 0
    unknown = operator.ask("act", "cancel", "0-nobody-knows")
    assert (unknown.status, unknown.said) == (1, "relay: 0-nobody-knows: there is no such job\n")
    stranger = operator.ask("nobody", "status")
    assert (stranger.status, "wants the token of an operator" in stranger.said) == (1, True)
    front = operator.run("status", "--admin", f"http://127.0.0.1:{operator.relay.port}")
    assert (front.status, front.said.count("\n")) == (1, 1)


def test_jobs_are_cancelled_and_what_is_not_there_is_said(operator: Operator) -> None:
    ran = operator.run("cancel", *operator.hanging, "0-nobody-knows")
    assert ran.status == 1
    assert operator.hanging[0] in ran.said
    assert ran.said.count("\n") == 3
    ended = operator.run("job", operator.hanging[0], "--wait")
    assert ended.status == 3
    assert "cancelled" in ended.output


@pytest.mark.long
def test_dead_jobs_are_run_again_and_deleted(operator: Operator) -> None:
    operator.run("cancel", *operator.hanging)  # there is one place
    again = operator.run("dead", "retry", operator.lost)
    assert again.status == 0
    new = again.output.strip()
    eventually(lambda: [each["id"] for each in operator.listed("dead")] == [new], "it died again")
    open_ended = operator.run("dead", "delete")
    assert (open_ended.status, "say which" in open_ended.said) == (2, True)
    assert "nobody can be asked" in operator.run("dead", "delete", "--all").said
    some = operator.run("dead", "retry", "--name", "lose", "--yes")
    assert some.said == "1 job found\n1 job run again\n"
    eventually(lambda: [each["id"] for each in operator.listed("dead")] not in ([], [new]), "it died again")
    assert "nothing was done" in at_terminal(operator, "n", "dead", "delete", "--all")
    assert "1 job deleted" in at_terminal(operator, "y", "dead", "delete", "--all")
    assert operator.listed("dead") == []
    assert operator.run("dead", "delete", "--all", "--yes").said == "relay: no dead job is like this\n"


@pytest.mark.long
def test_a_schedule_is_paused_and_fired(operator: Operator) -> None:
    assert operator.run("schedules", "pause", "night").status == 0
    assert operator.read("schedules")[0]["paused"] > 0
    fired = operator.run("schedules", "fire", "night")
    assert operator.run("job", fired.output.strip(), "--wait").status == 0
    assert operator.run("schedules", "resume", "night").status == 0


@pytest.mark.long
def test_a_limit_that_was_not_learned_can_not_be_forgotten(operator: Operator) -> None:
    assert [each["learned"] for each in operator.read("limits")] == [False]
    ran = operator.run("limits", "forget", "graph.example.com")
    assert (ran.status, ran.said.count("\n")) == (1, 1)


def test_names_are_completed_from_the_store(operator: Operator) -> None:
    line = "relay queues pause --name ha"
    completed = operator.run(
        _ARGCOMPLETE="1", COMP_LINE=line, COMP_POINT=str(len(line)), _ARGCOMPLETE_STDOUT_FILENAME="completed"
    )
    assert completed.status == 0
    assert (operator.directory / "completed").read_text().strip() == "hang"
    for shell in ("bash", "zsh", "fish"):
        assert "relay" in operator.run("completion", shell).output


def test_an_owner_is_erased(operator: Operator) -> None:
    operator.submit("hang")
    assert operator.listed("jobs", "--owner", "token:app")
    erased = operator.run("erase", "--owner", "token:app", "--yes")
    assert erased.status == 0
    assert "What relay can't reach" in erased.said
    assert operator.listed("jobs", "--owner", "token:app") == []


@pytest.mark.long
def test_status_at_a_listener_says_that_redis_does_not_answer(operator: Operator) -> None:
    (redis,) = operator.relay.children("redis.sock")
    os.kill(redis, signal.SIGSTOP)
    try:
        ran = eventually(
            lambda: (said := operator.ask("look", "status")).status == 3 and said, "something is wrong"
        )
    finally:
        os.kill(redis, signal.SIGCONT)
    assert "bad: Redis does not answer" in ran.output
    assert ran.said == ""
