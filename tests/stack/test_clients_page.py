"""The code of ``docs/clients.md``, as it stands there: whatever is cut, each job is done once, and its client told.

A proxy cuts the first connection of each client after so many bytes of its request or of its answer: at some of them,
drawn at random, and in the longer suite at each.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ROOT, RelayProcess
from tests.stack.counted_jobs import PIECES
from tests.stack.cutting import Cut, CuttingProxy
from tests.stack.proxies import changed, executable

pytestmark = pytest.mark.processes

PAGE = ROOT / "docs" / "clients.md"
PROGRAMS = Path(__file__).parent / "clients"
JARS = [Path(f"/usr/share/java/{name}.jar") for name in ("okhttp", "okio", "com.android.json")]
QUICK = "-XX:TieredStopAtLevel=1"  # a Java that runs for seconds need not be compiled well
#: by language of a block: the file that it is, and what makes its first pause 20 ms instead of a second
BLOCKS = {
    "java": ("Relay.java", {r"FIRST = 1_000": "FIRST = 20"}),
    "js": ("relay.mjs", {r"FIRST = 1_000": "FIRST = 20"}),
    "py": ("call.py", {r"3600\.0, 1\.0": "3600.0, 0.02"}),
    "bash": ("submit.sh", {r"first=1000": "first=20"}),
    "swift": ("Relay.swift", {}),
}
CLIENTS = ["java", "js", "py", "bash"]  # those that run here
LONGEST = 60  # lines of each
CUTS = 6  # that are drawn of a request, and of an answer, of each kind of job


@dataclass(frozen=True)
class Kind:
    """A kind of job, and how its client is answered."""

    job: str
    seconds: float = 0.0
    pause: float = 0.0
    state: str = "succeeded"
    lines: bool = False
    step: int = 1  # of all cuts in the longer suite every so many are tried

    def arguments(self, mark: str) -> dict[str, Any]:
        times = {"seconds": self.seconds, "pause": self.pause}
        return {"mark": mark, **{name: time for name, time in times.items() if time}}

    def is_right(self, told: dict[str, Any]) -> bool:
        """Whether a client was told what became of its job, and all output once."""
        envelope, mark = told.get("envelope"), told["key"]
        if not envelope:
            return False
        pieces = [f"{number}\u2028{mark} ü" for number in range(PIECES)] if self.lines else []
        ended = envelope.get("result") or envelope.get("error", {}).get("mark")
        heard = [event.get("data") for event in told["events"]]
        return (envelope["state"], ended, heard) == (self.state, mark, pieces)


KINDS = {
    "at once": Kind("counted"),
    "failed": Kind("counted_failure", state="failed"),
    "held": Kind("counted", 0.4, step=2),
    "told to attach": Kind("counted", 1.3, step=5),
    "output": Kind("counted_output", lines=True, step=2),
    "slow output": Kind("counted_output", pause=0.3, lines=True, step=5),
}


def blocks() -> dict[str, str]:
    """The code on the page, by language."""
    return dict(
        re.findall(r"^```(java|js|py|bash|swift)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    )


def test_no_client_is_long() -> None:
    assert {
        language: len(code.splitlines()) <= LONGEST for language, code in blocks().items()
    } == dict.fromkeys(BLOCKS, True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's code lies, as files."""
    directory = tmp_path_factory.mktemp("page")
    for language, code in blocks().items():
        name, changes = BLOCKS[language]
        (directory / name).write_text(changed(code, changes))
    return directory


@pytest.fixture(scope="module")
def programs(files: Path) -> Callable[[str], list[str]]:
    """The command that runs jobs by the code for a language."""

    def command(language: str) -> list[str]:
        file = str(files / BLOCKS[language][0])
        if language == "js":
            return [executable("node"), str(PROGRAMS / "page.mjs"), file]
        if language == "java":
            return [executable("java"), QUICK, "-cp", compiled(files), "Page"]
        if language == "bash":
            for needed in ("bash", "curl", "jq"):
                executable(needed)
        return [sys.executable, str(PROGRAMS / "page.py"), file]

    return command


def compiled(files: Path) -> str:
    """The class path of the Java program."""
    for jar in JARS:
        if not jar.exists():
            pytest.skip(f"{jar} is not on this machine")
    path = os.pathsep.join(map(str, [files, *JARS]))
    if not (files / "Page.class").exists():
        sources = [str(files / "Relay.java"), str(PROGRAMS / "Page.java")]
        subprocess.run(
            [executable("javac"), f"-J{QUICK}", "-cp", path, "-d", str(files), *sources], check=True
        )
    return path


class Trial:
    """Runs jobs of one kind by one client, a cut each."""

    def __init__(self, relay: RelayProcess, proxy: CuttingProxy, command: list[str], name: str) -> None:
        self._counted = relay.directory / "counted"
        self._proxy = proxy
        self._command = command
        self._name = name

    def run(self, kind: Kind, cuts: list[Cut]) -> list[dict[str, Any]]:
        """What came of each job, once it is seen that each was done once, and its client told."""
        asked = {}
        for cut in cuts:
            self._proxy.open(cut)
            mark = f"{self._name}-{cut.request}-{cut.answer}-{os.urandom(4).hex()}"
            asked[mark] = {
                "base": f"http://127.0.0.1:{cut.port}",
                "job": kind.job,
                "arguments": kind.arguments(mark),
                "key": mark,
                "lines": kind.lines,
            }
        told = self._told(list(asked.values()))
        counted = Counter(self._counted.read_text().splitlines())
        assert {mark: counted[mark] for mark in asked} == dict.fromkeys(asked, 1)
        wrong = [each for each in told if not kind.is_right(each)]
        assert not wrong
        assert {each["key"] for each in told} == set(asked)
        return told

    def _told(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        done = subprocess.run(
            self._command,
            input="".join(json.dumps(each) + "\n" for each in asked),
            capture_output=True,
            text=True,
            timeout=60 + len(asked),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.split("\n") if line]


#: what is drawn; the rest is left to the longer suite
DRAWN = {
    *(("java", "at once"), ("js", "at once"), ("py", "at once"), ("bash", "at once")),
    *(("java", "slow output"), ("js", "slow output"), ("py", "slow output"), ("bash", "output")),
    *(("java", "told to attach"), ("js", "failed"), ("py", "held"), ("bash", "told to attach")),
}


def ways() -> Iterator[Any]:
    for client in CLIENTS:
        for name in KINDS:
            id = f"{client}-{name.replace(' ', '-')}"
            if (client, name) in DRAWN:
                yield pytest.param(client, name, False, id=id)
            yield pytest.param(client, name, True, id=f"{id}-everywhere", marks=pytest.mark.long)


@pytest.mark.parametrize(("client", "name", "every"), [*ways()])
def test_a_cut_costs_nothing_but_time(
    client: str,
    name: str,
    every: bool,
    programs: Callable[[str], list[str]],
    counting: RelayProcess,
    proxy: CuttingProxy,
) -> None:
    kind, trial = KINDS[name], Trial(counting, proxy, programs(client), client)
    whole = Cut()
    trial.run(kind, [whole])

    def places(length: int) -> list[int]:
        step = (
            5 * kind.step if client == "bash" else kind.step
        )  # which starts twelve processes for each attempt
        everywhere = range(0, length + 1, step)
        return list(everywhere) if every else random.sample(everywhere, CUTS)

    cuts = [Cut(request=at) for at in places(whole.requested)]
    cuts += [Cut(answer=at) for at in places(whole.answered)]
    for first in range(0, len(cuts), 200):
        trial.run(kind, cuts[first : first + 200])
