"""What systemd does with a service and its socket, as far as tests need it, on machines that do without systemd."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path

from tests.processes import LoggedProcess, eventually
from tests.stack.proxies import changed

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: a program is told by its own id that the socket is for it
_AS_LISTENER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Unit:
    """A unit file: what each of its settings says, the last word first asked for."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        pairs = [line.split("=", 1) for line in lines if "=" in line and line[0] not in "#;"]
        self._said = [(name.strip(), value.strip()) for name, value in pairs]

    def all(self, name: str) -> list[str]:
        return [value for said, value in self._said if said == name]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value


class Service(LoggedProcess):
    """A service with its socket, on `port`: started with little in its environment, reloaded by its own command, and
    stopped as `KillMode=mixed` has it. Its folders are all `directory`."""

    def __init__(self, directory: Path, service: str, socket_unit: str, port: int) -> None:
        here = {
            r"/srv/relay/venv/bin": str(Path(sys.executable).parent),
            r"/srv/relay": str(directory),
            r"/etc/relay": str(directory),
        }
        self.unit = Unit(changed(service, here))
        self.port = port
        listening = Unit(socket_unit)
        self._listening = socket.create_server(("127.0.0.1", port), backlog=int(listening.one("Backlog")))
        self._mark = f"INVOCATION_ID={uuid.uuid4().hex}"
        given = [f"PATH={_PATH}", "LANG=C.UTF-8", f"USER={self.unit.one('User')}", self._mark]
        given += ["LISTEN_FDS=1", f"LISTEN_FDNAMES={listening.one('FileDescriptorName')}"]
        environment = dict(pair.split("=", 1) for pair in (*given, *self.unit.all("Environment")))
        self.passed = (self._listening.fileno(),)
        launch = [sys.executable, "-c", _AS_LISTENER, str(self._listening.fileno())]
        command = [*launch, *shlex.split(self.unit.one("ExecStart"))]
        super().__init__(command, environment, Path(self.unit.one("WorkingDirectory")))

    def reload(self) -> None:
        assert self.process is not None
        command = self.unit.one("ExecReload").replace("$MAINPID", str(self.process.pid))
        subprocess.run(shlex.split(command), check=True)

    def stop(self) -> int:
        """SIGTERM for the first process only; within `TimeoutStopSec` all have to be gone. The exit status."""
        assert self.unit.one("KillMode") == "mixed"
        assert self.process is not None
        self.process.terminate()
        status = self.process.wait(float(self.unit.one("TimeoutStopSec")))
        assert not self.processes(), "systemd would kill what is left"
        return status

    def close(self) -> None:
        self._listening.close()

    def processes(self) -> list[int]:
        """All that run in its control group."""
        found = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if self._mark.encode() in environment.read_bytes():
                    found.append(int(environment.parent.name))
        return found

    def wait_until_all_are_gone(self) -> None:
        eventually(lambda: not self.processes(), "all processes have ended")
