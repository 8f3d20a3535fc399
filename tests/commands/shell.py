"""A shell for tests: it runs the command ``relay`` each time as a process of its own, which is forked off one that has
imported what all of them need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.processes import ROOT
from tests.started import start

SHELL = """
import json, os, sys, tempfile, traceback
import relay.commands.at_listener, relay.commands.at_store, relay.commands.operating
from relay.commands import (
    dead_command, erase_command, jobs_command, limits_command, main, queues_command, schedules, status_command,
    top_command, workers_command,
)

def run(words, environment, outputs):
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(outputs, 1):
        os.dup2(file.fileno(), number)
    try:
        main.main(words)
        status = 0
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else bool(ended.code)
    except BaseException:
        traceback.print_exc()
        status = 99
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(status)

for line in sys.stdin:
    words, environment = json.loads(line)
    outputs = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if not child:
        run(words, environment, outputs)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    texts = [(file.seek(0), file.read().decode())[1] for file in outputs]
    print(json.dumps([status, *texts]), flush=True)
"""


class Ran(NamedTuple):
    """A command that has ended."""

    status: int
    output: str
    said: str  # on standard error


class Shell:
    """Runs commands in a directory."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.environment = environment
        self._process = start(
            [sys.executable, "-c", SHELL],
            cwd=directory,
            env={**environment, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **changed: str) -> Ran:
        """Run ``relay`` with these words."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([words, {**self.environment, **changed}]), file=self._process.stdin, flush=True)
        return Ran(*json.loads(self._process.stdout.readline()))

    def read(self, *words: str) -> Any:
        """What a command writes as JSON."""
        ran = self.run(*words, "--json")
        assert ran.said == "", ran
        return json.loads(ran.output)

    def listed(self, *words: str) -> list[dict[str, Any]]:
        """The lines of JSON that a command writes."""
        return [json.loads(line) for line in self.run(*words, "--json").output.splitlines()]

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
