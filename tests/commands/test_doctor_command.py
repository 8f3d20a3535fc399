"""The command ``relay doctor``."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from relay.commands import main as command
from relay.commands.doctor_report import DoctorReport
from relay.doctor.diagnosis import Area, bad, fine
from relay.store.keys import Keys
from relay.store.scripts import script
from tests.processes import ROOT, RedisProcess, free_port

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Runs the command in an empty folder: its status, and what it says."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            command.main(["doctor", *words])
        told = capsys.readouterr()
        code: Any = ended.value.code
        return int(code or 0), told.out, told.err

    return run


def test_settings_and_redis_are_looked_at(ask: Ask, redis: RedisProcess) -> None:
    status, out, _ = ask("--redis", redis.url)
    assert status == 0
    assert f"Redis: {redis.url}" in out
    assert "  ok    rights           its user may call the" in out
    assert out.splitlines()[-1].startswith("0 bad, ")


def of_three(redis: RedisProcess) -> None:
    """The store has three partitions."""
    redis.client.eval(script("open").text, 2, *Keys().declared, "k7", "", -1, "", 3)


def test_the_store_says_how_many_partitions_it_has(ask: Ask, redis: RedisProcess) -> None:
    of_three(redis)
    status, out, _ = ask("--redis", redis.url)
    assert status == 0
    assert "  ok    data             a data set of relay's with 3 partitions, epoch k7" in out


@pytest.mark.parametrize(
    "given", ["--partitions 2", "RELAY_PARTITIONS=2", "--config partitions=2", "--config keep=60"]
)
def test_settings_that_say_another_number_of_partitions_are_bad(
    given: str, ask: Ask, redis: RedisProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_three(redis)
    option, _, value = given.partition(" ")
    if option == "--config":
        (tmp_path / "relay.toml").write_text(value)
        value = "relay.toml"
    elif not value:
        monkeypatch.setenv(*given.split("="))
    status, out, _ = ask("--redis", redis.url, *([option, value] if value else []))
    number = 2 if "2" in given else 1
    assert status == 3
    assert f"the data set was made for --partitions 3, and the settings say {number}" in out


def test_what_is_bad_is_told_by_the_status(ask: Ask, redis: RedisProcess) -> None:
    redis.client.config_set("maxmemory-policy", "allkeys-lru")
    status, out, _ = ask("--redis", redis.url)
    redis.client.config_set("maxmemory-policy", "noeviction")
    assert status == 3
    assert "  bad   eviction         maxmemory-policy is allkeys-lru" in out
    assert "→ maxmemory-policy noeviction in redis.conf" in out


def test_a_program_gets_json(ask: Ask, redis: RedisProcess) -> None:
    status, out, _ = ask("--redis", redis.url, "--json")
    areas = json.loads(out)
    assert status == 0
    assert [area["name"] for area in areas] == ["settings", "redis"]
    assert {"check": "eviction", "severity": "ok", "saw": "maxmemory-policy is noeviction"} in areas[1][
        "diagnoses"
    ]


def test_what_can_not_be_looked_at_is_another_status(ask: Ask) -> None:
    status, out, _ = ask("--redis", "unix:///tmp/there-is-none.sock")
    assert status == 1
    assert "there is no looking at it: unix:///tmp/there-is-none.sock" in out


def test_a_mistake_in_the_settings_is_bad(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text("max-hold = 3\n")
    status, out, _ = ask("--config", "relay.toml")
    assert status == 3
    assert "there is no setting max-hold" in out


def test_an_embedded_redis_that_does_not_run_is_no_failure(ask: Ask) -> None:
    status, out, _ = ask()
    assert status == 0
    assert "the embedded Redis does not run in this folder" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--url", "api.example.com"), "expected an URL such as https://api.example.com"),
        (("--redis", "http://x"), "expected redis://"),
        (("--most", "2"), "expected a number of seconds from 5 to 3600"),
        (("--url", "http://x", "--token-file", "none"), "No such file"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(ask: Ask, words: tuple[str, ...], said: str) -> None:
    status, _, err = ask(*words)
    assert status == 2
    assert said in err
    assert len(err.splitlines()) == 1


def test_with_an_address_only_the_way_to_it_is_looked_at(ask: Ask) -> None:
    status, out, _ = ask("--url", f"http://127.0.0.1:{free_port()}")
    assert status == 1
    assert out.startswith("The way to clients: http://127.0.0.1")
    assert "Connection refused" in out
    assert "Redis" not in out


def test_outside_a_terminal_each_text_is_one_line() -> None:
    output = io.StringIO()
    long = "a " * 200
    report = DoctorReport(output, as_json=False)
    area = Area("redis", "here", [bad("data", long, "why", "what to do"), fine("clock", "right")])
    report.tell(area)
    report.end([area])
    lines = output.getvalue().splitlines()
    assert lines[1].startswith("  bad   data")
    assert long.strip() in lines[1]
    assert lines[2:4] == [" " * 25 + "why", " " * 25 + "→ what to do"]
    assert lines[-1] == "1 bad, 0 warn, 0 note, 1 ok"


@pytest.mark.processes
def test_other_commands_do_not_wait_for_what_the_doctor_needs() -> None:
    code = "import relay.commands.main, sys; sys.exit('rich' in sys.modules or 'relay.doctor' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
