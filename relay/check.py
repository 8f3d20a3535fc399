"""The check of handlers before ``relay all`` starts its workers: ``python -m relay.check``, a process of its own.

Modules of handlers are imported there and not in the supervisor, which is to run no code of theirs: no threads, no
reactor of their choice, nothing that a restart of the workers would not change. The settings come in the environment;
the last line of its output says what is wrong.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from types import TracebackType

from relay.settings import SettingError, Settings


class Check:
    """The check as its parent has it: it runs while the body of a ``with`` does, the end of which waits for it and
    raises `SettingError`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "relay.check"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        )

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None:
            self._process.kill()
        said, _ = self._process.communicate()
        if error is None and self._process.returncode != 0:
            lines = said.strip().splitlines()
            raise SettingError(
                lines[-1]
                if self._process.returncode == 1 and lines
                else f"--jobs: the process that imported them ended with {self._process.returncode}"
            )


def main() -> None:
    """Leaves without waiting for what the modules may have started."""
    from relay.registry import chosen

    status = 0
    try:
        chosen(Settings.read({}, os.environ))
    except SettingError as error:
        print(f"\n{error}", flush=True)  # noqa: T201 - on a line of its own, for the parent
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
