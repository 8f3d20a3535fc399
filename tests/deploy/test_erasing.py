"""What docs/deploying.md says of a person's data: where it is, and the commands that erase it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.processes import ROOT, RedisProcess, RelayProcess, eventually

SECRET = "the secret of anna"
JOBS = """
from twisted.internet.defer import Deferred
from relay import Context, JobError, job

@job
def keep(text: str) -> str:
    return text

@job(retries=1)
def lose(text: str) -> None:
    raise JobError("no")

@job
def wait(context: Context, text: str) -> Deferred[None]:
    context.progress(0.5, text)
    return Deferred()
"""


def commands() -> Iterator[list[str]]:
    """Each command with which one job is erased, in words."""
    page = (ROOT / "docs/deploying.md").read_text()
    block = re.search(r"To erase one job.*?```sh\n(.*?)```", page, re.DOTALL)
    assert block is not None
    words = shlex.split(block[1].replace("\\\n", " "), comments=True)
    starts = [n for n, word in enumerate(words) if word in ("curl", "redis-cli")] + [len(words)]
    return (words[first:after] for first, after in pairwise(starts))


@pytest.fixture
def relay(server: RedisProcess, tmp_path: Path) -> Iterator[RelayProcess]:
    (tmp_path / "person.py").write_text(JOBS)
    relay = RelayProcess(tmp_path, "all", "--redis", server.url, "--jobs", "person", "--drain", "1")
    relay.start()
    eventually(lambda: relay.call("POST", "/jobs/keep", {"text": ""}).status == 200, "the jobs are known")
    yield relay
    relay.stop()


def erase(relay: RelayProcess, server: RedisProcess, id: str) -> None:
    for program, *words in commands():
        given = [word.replace("$ID", id) for word in words]
        if program == "curl":
            relay.call("DELETE", given[-1].partition(":8080")[2])
        else:
            server.client.execute_command(*given)


def keys_with_the_secret(server: RedisProcess) -> set[str]:
    """Of all that is in Redis, the keys whose value has it."""
    dumped = {
        "hash": lambda key: b" ".join(server.client.hvals(key)),
        "string": server.client.get,
        "stream": lambda key: repr(server.client.xrange(key)).encode(),
        "zset": lambda key: b" ".join(server.client.zrange(key, 0, -1)),
        "none": lambda key: b"",  # it went in the meantime
    }
    found = set()
    for key in server.client.scan_iter():
        text = dumped[server.client.type(key).decode()](key)
        if SECRET.encode() in (text or b""):
            found.add(key.decode().partition(":")[2])
    return found


def wait_until_it_is_only_in(server: RedisProcess, *keys: str) -> None:
    eventually(lambda: keys_with_the_secret(server) == set(keys), f"it is in {keys} only")


def test_a_result_is_erased_and_its_key_makes_a_new_job(relay: RelayProcess, server: RedisProcess) -> None:
    first = relay.call("PUT", "/jobs/keep/once", {"text": SECRET}).json()["id"]
    wait_until_it_is_only_in(server, f"result:{first}")
    erase(relay, server, first)
    assert keys_with_the_secret(server) == set()
    assert relay.call("GET", f"/jobs/{first}").status == 404
    assert relay.call("PUT", "/jobs/keep/once", {"text": "another"}).json()["result"] == "another"


def test_a_dead_letter_is_erased_and_counts_no_more(relay: RelayProcess, server: RedisProcess) -> None:
    ids = [relay.call("POST", "/jobs/lose", {"text": text}).json()["id"] for text in (SECRET, "another")]
    wait_until_it_is_only_in(server, "letter")
    erase(relay, server, ids[0])
    assert keys_with_the_secret(server) == set()
    assert server.client.zrange("{r0}:dead", 0, -1) == [ids[1].encode()]
    assert server.client.get("{r0}:buried") == server.client.hget("{r0}:lettersize", ids[1])


def test_a_job_that_runs_is_erased_with_its_end(relay: RelayProcess, server: RedisProcess) -> None:
    submitted = relay.call("POST", "/jobs/wait", {"text": SECRET}, {"Prefer": "respond-async"})
    wait_until_it_is_only_in(server, "job", "progress")
    erase(relay, server, submitted.json()["id"])
    wait_until_it_is_only_in(server)
