"""The check of handlers before ``relay all`` starts its workers: ``python -m relay.check``, a process of its own.

Modules of handlers are imported there and not in the supervisor, which is to run no code of theirs: no threads, no
reactor of their choice, nothing that a restart of the workers would not change. The settings come in the environment;
the last line of its output says what is wrong.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType

from relay.settings import SettingError, Settings

_REFUSED = 78  # EX_CONFIG: the last line says what is wrong


class Check:
    """The check as its parent has it: it runs while the body of a ``with`` does, the end of which waits for it and
    raises `SettingError`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        #: not a pipe: what the modules start may hold on to it
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the exit
        self._process = subprocess.Popen(
            [sys.executable, "-m", "relay.check"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
        )

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None:
            self._process.kill()
        status = self._process.wait()
        with self._output as output:
            output.seek(0)
            lines = output.read().decode("utf-8", "replace").strip().splitlines()
        if error is None and status:
            told = lines[-1] if status == _REFUSED and lines else ""
            raise SettingError(told or f"--jobs: the process that imported them ended with {status}")


def main() -> None:
    """Leaves without waiting for what the modules may have started."""
    from relay.registry import chosen

    status = 0
    try:
        chosen(Settings.read({}, os.environ))
    except SettingError as error:
        print(f"\n{error}", flush=True)  # noqa: T201 - on a line of its own, for the parent
        status = _REFUSED
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
