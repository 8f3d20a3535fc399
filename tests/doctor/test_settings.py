"""What the doctor says of settings on a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from relay.doctor.diagnosis import Diagnosis, Severity
from relay.doctor.habit_checks import check_settings, listeners, whose
from relay.doctor.machine import Machine, RunningProcess
from relay.model.settings import Settings

GIB = 1 << 30
MACHINE = Machine(
    system="Linux",
    python="3.11.7",
    twisted="25.5.0",
    cores=2,
    descriptors=65_536,
    memory=8 * GIB,
    memory_by="the machine",
    ports=28_232,
    kernel={"somaxconn": 4096, "syn_backlog": 2048, "overcommit": 1},
    running=(),
    proxies=(),
    redis=False,
)


def found(machine: Machine = MACHINE, **settings: Any) -> dict[str, Diagnosis]:
    """What is worth telling, by check."""
    given = {"redis": "redis://10.0.0.4", "ticket_secrets": "", "allow": ("10.0.0.2",), **settings}
    told = check_settings(Settings(**given), machine)
    return {each.check: each for each in told if each.severity is not Severity.OK}


def having(**changed: Any) -> Machine:
    return msgspec.structs.replace(MACHINE, **changed)


def test_the_defaults_are_well_on_a_usual_machine() -> None:
    assert found() == {}


@pytest.mark.parametrize(
    ("machine", "settings", "check", "severity"),
    [
        (having(descriptors=1024), {}, "descriptors", Severity.WARN),
        (having(running=(RunningProcess(7, "relay front", 4096),)), {}, "descriptors", Severity.WARN),
        (having(memory=GIB // 4), {"max_held": 60_000, "fronts": 2}, "memory", Severity.WARN),
        (having(memory=GIB), {"redis": "", "queue_bytes": 2 * GIB}, "memory", Severity.WARN),
        (having(memory=0), {}, "memory", Severity.NOTE),
        (having(kernel={"somaxconn": 128, "overcommit": 1}), {}, "kernel", Severity.WARN),
        (having(kernel={"somaxconn": 4096, "overcommit": 0}, redis=True), {}, "kernel", Severity.WARN),
        (having(ports=100), {"concurrency": 200}, "kernel", Severity.WARN),
        (MACHINE, {"open": True}, "callers", Severity.WARN),
        (MACHINE, {"allow": ()}, "callers", Severity.NOTE),
        (MACHINE, {"tokens": "/there/is/none"}, "tokens", Severity.BAD),
        (MACHINE, {"listen": ("tcp:8080:interface=10.0.0.5",)}, "listeners", Severity.WARN),
        (MACHINE, {"admin": "tcp:8081:interface=10.0.0.5"}, "listeners", Severity.WARN),
        (having(proxies=("nginx",)), {}, "proxies", Severity.NOTE),
        (MACHINE, {"keepalive": 30}, "proxies", Severity.WARN),
        (MACHINE, {"heartbeat": 0}, "heartbeats", Severity.WARN),
        (MACHINE, {"heartbeat": 40}, "heartbeats", Severity.WARN),
        (MACHINE, {"probes": True}, "odds", Severity.NOTE),
        (MACHINE, {"reload": True}, "odds", Severity.WARN),
        (having(system="Darwin", kernel={}), {}, "versions", Severity.NOTE),
    ],
)
def test_what_does_not_fit_is_told(
    machine: Machine, settings: dict[str, Any], check: str, severity: Severity
) -> None:
    told = found(machine, **{"jobs": ("myapp.jobs",), **settings})
    assert {name: each.severity for name, each in told.items()} == {check: severity}


@pytest.mark.parametrize(
    "listen",
    [
        "tcp:8080:interface=127.0.0.1",
        "unix:/run/relay.sock",
        "haproxy:unix:/run/relay.sock",
        "systemd:domain=INET:name=relay",
        "ssl:8443:privateKey=a:certKey=b",
        "haproxy:ssl:8443:privateKey=a:certKey=b",
        "tcp:8080:interface=\\:\\:1",
    ],
)
def test_what_nobody_overhears_is_no_plain_listener(listen: str) -> None:
    assert "listeners" not in found(listen=(listen,))


def test_nothing_is_claimed_of_a_socket_that_systemd_binds() -> None:
    (told,) = listeners(Settings(listen=["systemd:domain=INET:name=relay"]), having())
    assert (
        told.saw
        == "systemd:domain=INET:name=relay: this machine's, with TLS, or where ListenStream of the unit says"
    )


def test_limits_of_running_fronts_count_and_not_those_of_the_shell() -> None:
    machine = having(descriptors=1024, running=(RunningProcess(7, "relay front", 65_536),))
    assert "descriptors" not in found(machine)


TOKENS = """[app]
sha256 = ["{hash}"]
expires = {day}
"""


@pytest.mark.parametrize(
    ("mode", "day", "severity"),
    [(0o644, "2027-12-01", None), (0o666, "2027-12-01", Severity.BAD), (0o640, "2026-12-01", Severity.WARN)],
)
def test_files_of_tokens_are_looked_at(
    tmp_path: Path, mode: int, day: str, severity: Severity | None
) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(TOKENS.format(hash="a" * 64, day=day))
    path.chmod(mode)
    told = found(having(began=1_795_700_000.0), tokens=str(path))  # 2026-11-26
    assert (told["tokens"].severity if "tokens" in told else None) == severity


def test_secrets_that_others_can_read_are_told(tmp_path: Path) -> None:
    path = tmp_path / "secrets"
    path.write_text("a secret of 16 characters\n")
    path.chmod(0o644)
    assert found(ticket_secrets=str(path))["ticket-secrets"].severity is Severity.BAD
    path.chmod(0o640)
    assert "ticket-secrets" not in found(ticket_secrets=str(path))


def test_a_machine_is_read_from_its_files(tmp_path: Path) -> None:
    proc, groups = tmp_path / "proc", tmp_path / "groups"
    for pid, name, title in (
        (7, "relay front", "relay front"),
        (8, "nginx", "nginx: master"),
        (9, "redis-server", ""),
    ):
        (proc / str(pid)).mkdir(parents=True)
        (proc / str(pid) / "comm").write_text(f"{name}\n")
        (proc / str(pid) / "cmdline").write_bytes(title.encode() + b"\0")
        (proc / str(pid) / "limits").write_text(
            "Limit  Soft  Hard  Units\nMax open files  1024  4096  files\n"
        )
    (proc / "meminfo").write_text("MemTotal:  1024 kB\n")
    (proc / "sys/net/core").mkdir(parents=True)
    (proc / "sys/net/core/somaxconn").write_text("128\n")
    groups.mkdir()
    (groups / "memory.max").write_text("524288\n")
    machine = Machine.look(proc, groups)
    assert machine.running == (RunningProcess(7, "relay front", 4096),)
    assert (machine.proxies, machine.redis) == (("nginx",), True)
    assert (machine.memory, machine.memory_by) == (524_288, "the control group")
    assert machine.kernel["somaxconn"] == 128


def test_whose_settings_are_judged_is_said_where_a_relay_runs() -> None:
    assert whose(MACHINE) == []
    running = tuple(RunningProcess(number, "relay front", 1000) for number in range(1, 7))
    (said,) = whose(msgspec.structs.replace(MACHINE, running=running))
    assert said.saw.startswith("these are the settings of this shell; relay front (1), relay front (2)")
    assert said.saw.endswith("and 2 more may have others")
