"""The command ``relay``."""

from __future__ import annotations

import os
import signal

import pytest

from relay.commands import main as command


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    signals: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: signals.append((pid, number)))
    return signals


def test_the_one_that_runs_is_told(told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "supervisors", lambda: [11])
    command.main(["reload"])
    command.main(["restart"])
    assert told == [(11, signal.SIGUSR2), (11, signal.SIGHUP)]


@pytest.mark.parametrize(
    ("running", "said"), [([], "no `relay all` runs here"), ([1, 2], "choose one with --pid")]
)
def test_it_does_not_guess(
    running: list[int], said: str, told: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "supervisors", lambda: running)
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
