"""The command ``relay``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from relay.commands import main as command
from relay.commands import processes


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    return signals


def test_the_one_that_runs_is_told(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "supervisors", lambda: [11])
    command.main(["reload"])
    command.main(["restart"])
    assert told == [(11, signal.SIGUSR2), (11, signal.SIGHUP)]


@pytest.mark.parametrize(
    ("running", "said"), [([], "no `relay all` runs here"), ([1, 2], "choose one with --pid")]
)
def test_it_does_not_guess(
    running: list[int], said: str, told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "supervisors", lambda: running)
    with pytest.raises(SystemExit, match=said):
        command.main(["reload"])
    assert told == []
    command.main(["reload", "--pid", "12"])
    assert told == [(12, signal.SIGUSR2)]


def test_a_process_that_can_not_be_told_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, number: int) -> None:
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(os, "kill", refuse)
    with pytest.raises(SystemExit, match="process 12: No such process"):
        command.main(["restart", "--pid", "12"])


@pytest.mark.processes
@pytest.mark.parametrize("words", ["--help", "reload --help", "queues purge --help"])
def test_help_and_orders_bring_neither_twisted_nor_tables(words: str) -> None:
    code = (
        "import sys; from relay.commands.main import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert not {'twisted', 'rich', 'argcomplete', 'txredisapi'} & set(sys.modules), sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code, *words.split()], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_action_that_is_usual_need_not_be_named() -> None:
    assert (
        command.parser_for(command.whole(["queues", "--json"]))
        .parse_args(command.whole(["queues", "--json"]))
        .json
    )
    assert command.whole(["dead"]) == ["dead", "list"]
    assert command.whole(["queues", "pause", "mail"]) == ["queues", "pause", "mail"]
    assert command.whole(["queues", "--help"]) == ["queues", "--help"]
    assert command.whole(["reload"]) == ["reload"]
    assert command.whole([]) == []


@pytest.mark.parametrize("name", command.COMMANDS)
def test_each_command_has_its_arguments_and_what_it_does(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([name, "--help"])
    assert ended.value.code == 0
    assert f"usage: relay {name}" in capsys.readouterr().out
    assert callable(command.found(command.COMMANDS[name].action, "run"))
