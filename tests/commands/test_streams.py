"""What commands write goes where a shell says, or the command ends in an orderly way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from relay.commands import streams
from tests.processes import ROOT

COMMAND = f"{sys.executable} -m relay.commands.main --help"
SAY = "import sys; from relay.commands import streams; streams.prepare(); "


def shell(words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a shell does with a command."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(["bash", "-c", words], env=given, capture_output=True, text=True, check=False)


def python(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a Python program does whose streams are prepared."""
    return shell(f"{sys.executable} -c '{SAY}{program}'", **environment)


def test_a_reader_that_goes_away_ends_a_command_without_a_word() -> None:
    ran = shell(f"{COMMAND} | true; exit ${{PIPESTATUS[0]}}")
    assert (ran.returncode, ran.stderr) == (streams.UNREAD, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux")
def test_what_does_not_fit_on_the_disk_is_one_line() -> None:
    ran = shell(f"{COMMAND} >/dev/full")
    assert (ran.returncode, ran.stderr) == (1, "relay: standard output: No space left on device\n")


def test_streams_that_are_closed_take_whatever_is_written() -> None:
    assert shell(f"{COMMAND} <&- >&- 2>&-").returncode == 0
    ran = shell(
        f"{sys.executable} -c '{SAY}sys.stderr.write(str(open(__import__(\"os\").devnull).fileno()))' <&- >&-"
    )
    assert int(ran.stderr) > 2  # what is opened then is none of them


def test_letters_that_an_encoding_does_not_have_are_shown_by_their_numbers() -> None:
    ran = python('print("\\u2192")', PYTHONIOENCODING="ascii")
    assert (ran.stdout, ran.stderr) == ("\\u2192\n", "")


@pytest.mark.parametrize(("unbuffered", "output"), [("", ""), ("1", "result\n")])
def test_remarks_are_written_at_once_and_results_where_python_is_told_so(
    unbuffered: str, output: str
) -> None:
    """As in most images of containers: ``PYTHONUNBUFFERED``."""
    program = 'sys.stderr.write("remark\\n"); print("result"); import os; os._exit(0)'
    ran = python(program, PYTHONUNBUFFERED=unbuffered)
    assert (ran.stdout, ran.stderr) == (output, "remark\n")
