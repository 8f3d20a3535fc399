"""What a worker serves, and the mark of its declaration."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from relay.store.messages import JobDefinition
from relay.store.roster import Roster
from tests.store.test_store import declared

CODE = """
from relay import job
from relay.handlers.registry import Registry
from relay.store.roster import Roster
from relay.worker.definitions import served

@job
def tags(wanted: set[str] = {"a", "b", "c", "d", "e"}) -> None: ...

print(Roster(served(Registry([tags]))).digest)
"""


@pytest.mark.processes
def test_a_declaration_has_the_same_mark_in_every_process() -> None:
    """Also where a default is a set, whose order differs from process to process."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", CODE], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


def test_another_declaration_has_another_mark() -> None:
    marks = [mark for queue in ("one", "two") for _, mark, _ in Roster([declared("echo", queue)])]
    assert marks[0] != marks[1]


def test_what_is_only_read_is_no_part_of_the_mark() -> None:
    """Else jobs would go to the workers with the newest docstring alone, and to those of the newest relay."""
    plain = declared("echo")
    told = msgspec.structs.replace(plain, description="It echoes.", result={"type": "string"})
    first, second = (next(iter(Roster([job]))) for job in (plain, told))
    assert first[1] == second[1]
    assert first[2] != second[2]


def test_the_mark_is_that_of_earlier_versions() -> None:
    """Which knew no description: their workers and newer ones get the same jobs while one replaces the other."""
    assert Roster([JobDefinition("echo", "default", 0, 1, False, None, None, {"type": "object"})]).words == [
        "echo=gl7u5pgtdqomfdds"
    ]
