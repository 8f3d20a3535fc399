"""Real processes for the tests, and a plain HTTP client on a socket that hides nothing."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import valkey

from relay.redis.embedded import Embedded
from tests.started import start

ROOT = Path(__file__).parent.parent
PATIENCE = 20.0  # seconds for anything at all


def eventually(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Ask another process again and again, until it says something true."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)  # between questions to another process, which has no event for us
    raise AssertionError(f"not within {patience} s: {what}")


class Ports:
    """Ports below those that the system gives to outgoing connections, so that nobody takes one before it is used.

    A port of the system's own range may be taken, before its server listens, by any connection of the
    machine; a client that tries it may even be connected to itself.
    """

    FIRST, SIZE, BLOCKS = 10_000, 200, 100

    def __init__(self) -> None:
        self._guard = socket.socket(socket.AF_UNIX)  # marks the block as this process's, until it ends
        self._ports = iter(self._block())

    def _block(self) -> range:
        for block in random.Random().sample(range(self.BLOCKS), self.BLOCKS):
            with contextlib.suppress(OSError):
                self._guard.bind(f"\0relay-test-ports-{block}")
                return range(self.FIRST + block * self.SIZE, self.FIRST + (block + 1) * self.SIZE)
        raise AssertionError("each block of ports is somebody's")

    def free(self) -> int:
        for port in self._ports:
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
                return port
        self.__init__()  # type: ignore[misc]  # all are used up: another block
        return self.free()


@functools.cache
def _ports() -> Ports:
    return Ports()


def free_port() -> int:
    """A port of this machine that nobody uses, nor takes for an outgoing connection."""
    return _ports().free()


@dataclass(frozen=True)
class Host:
    """Where a process listens, and how it is started there: on loopback, or in a network namespace."""

    address: str = "127.0.0.1"
    namespace: str = ""

    def command(self, words: list[str]) -> list[str]:
        """The command line that runs `words` there; its process has the id that it would have without."""
        return ["ip", "netns", "exec", self.namespace, *words] if self.namespace else words


LOOPBACK = Host()


class LoggedProcess:
    """A process whose output is kept and can be waited for. `passed` are descriptors that it inherits; `farewell` is
    what ends it, and what it has started, when its test is killed."""

    passed: tuple[int, ...] = ()
    farewell = signal.SIGKILL

    def __init__(self, command: list[str], environment: dict[str, str], directory: Path) -> None:
        self._command = command
        self._environment = environment
        self.directory = directory
        self._lines: list[str] = []
        self._news = threading.Condition()
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._lines = []
        self.process = start(
            self._command,
            self.farewell,
            env=self._environment,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            pass_fds=self.passed,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()

    def wait_for(self, pattern: str, count: int = 1) -> re.Match[str]:
        """The first of `count` matching lines, once they are there."""

        def found() -> list[re.Match[str]]:
            return [match for line in self._lines if (match := re.search(pattern, line))]

        with self._news:
            if not self._news.wait_for(lambda: len(found()) >= count, PATIENCE):
                raise AssertionError(f"no {pattern!r} in:\n{self.log_tail()}")
            return found()[0]

    def log_tail(self, lines: int = 60) -> str:
        return "".join(self._lines[-lines:])

    def tracebacks(self) -> int:
        return sum("Traceback" in line for line in list(self._lines))

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kept_waiting(self) -> float:
        """For how many seconds its main thread has been ready to run, and others ran; 0 where that is not told."""
        with contextlib.suppress(OSError):
            if self.process is not None:
                return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9
        return 0.0

    def stop(self) -> int:
        """Ask the process to end; its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop:\n{self.log_tail()}") from None


class RedisProcess(LoggedProcess):
    """A server like the embedded one, that can be paused, killed and started again with its data."""

    def __init__(self, directory: Path, *options: str) -> None:
        self._embedded = Embedded(str(directory))
        self.url = self._embedded.url
        self.socket = str(self._embedded.socket)
        super().__init__([*self._embedded.command(), *options], dict(os.environ), directory)
        self.client = valkey.Valkey(unix_socket_path=self.socket)

    def start(self, wait: bool = True) -> None:
        super().start()
        if wait:
            eventually(self._answers, "Redis answers")

    def _answers(self) -> bool:
        with contextlib.suppress(valkey.exceptions.ConnectionError, valkey.exceptions.BusyLoadingError):
            return bool(self.client.ping())
        return False

    def client_of(self, key: str) -> valkey.Valkey:
        """Of the server that has this key."""
        return self.client

    def empty(self) -> None:
        """Forget all."""
        self.client.flushall()

    def stop(self) -> int:
        self.client.close()
        return super().stop()


@dataclass
class Response:
    """A response as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One connection, byte by byte."""

    def __init__(self, port: int, source: str = "127.0.0.1", address: str = "127.0.0.1") -> None:
        bound = (source, 0) if address == "127.0.0.1" else None
        self.socket = socket.create_connection((address, port), PATIENCE, bound)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {
            "Host": "localhost",
            **({"Content-Type": "application/json"} if data else {}),
            **(headers or {}),
        }
        if data or method in ("POST", "PUT"):
            given.setdefault("Content-Length", str(len(data)))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        self.send("\r\n".join(lines).encode("latin-1") + data)

    def read_until(self, end: bytes) -> bytes:
        """Everything up to and with `end`."""
        while end not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed after {self._buffer!r}")
            self._buffer += data
        read, _, self._buffer = self._buffer.partition(end)
        return read + end

    def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError(f"closed after {self._buffer!r}")
            self._buffer += data
        read, self._buffer = self._buffer[:size], self._buffer[size:]
        return read

    def read_to_end(self) -> bytes:
        while data := self.socket.recv(65536):
            self._buffer += data
        read, self._buffer = self._buffer, b""
        return read

    def head(self) -> tuple[int, dict[str, str], bytes]:
        raw = self.read_until(b"\r\n\r\n")
        lines = raw.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value for name, value in headers.items()}, raw

    def chunk(self) -> bytes:
        """The next chunk; b"" is the last one."""
        size = int(self.read_until(b"\r\n"), 16)
        return self.read_exactly(size + 2)[:-2]

    def chunks(self) -> Iterator[bytes]:
        while chunk := self.chunk():
            yield chunk

    def response(self, method: str = "GET") -> Response:
        status, headers, raw = self.head()
        if headers.get("transfer-encoding") == "chunked":
            return Response(status, headers, b"".join(self.chunks()), raw)
        if "content-length" in headers:
            body = b"" if method == "HEAD" else self.read_exactly(int(headers["content-length"]))
            return Response(status, headers, body, raw)
        return Response(status, headers, self.read_to_end(), raw)

    def is_closed(self) -> bool:
        return self.socket.recv(1) == b""

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class RelayProcess(LoggedProcess):
    """``twistd relay …`` on a port of its own."""

    def __init__(
        self,
        directory: Path,
        *options: str,
        environment: dict[str, str] | None = None,
        port: int = 0,
        host: Host = LOOPBACK,
    ) -> None:
        self.role = options[0]
        self.host = host
        listen = () if self.role == "worker" else ("--listen", f"tcp:{port}:interface={host.address}")
        if "--admin" not in options:
            options = (*options, "--admin", "")
        twistd = str(Path(sys.executable).parent / "twistd")
        given = {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}
        words = [twistd, "-n", "--pidfile=", "relay", *options, *listen]
        super().__init__(host.command(words), given, directory)
        self.expected_tracebacks = 0
        self.port = 0

    def start(self) -> None:
        super().start()
        if self.role != "worker":
            self.port = int(self.wait_for(rf"listens on http://{re.escape(self.host.address)}:(\d+)")[1])
        if self.role == "all":
            self.wait_for("relay front listens")
        if self.role != "front":
            self.wait_for("relay worker serves")

    def connect(self) -> Client:
        return Client(self.port, address=self.host.address)

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Response:
        """One request on a connection of its own."""
        with self.connect() as client:
            client.request(method, path, body, headers)
            return client.response(method)

    def held(self) -> int:
        return int(self.call("GET", "/readyz").json()["held"])

    def wait_until_held(self, count: int) -> None:
        eventually(lambda: self.held() == count, f"{count} requests are held")

    def wait_until_nothing_is_held(self) -> None:
        self.wait_until_held(0)

    def wait_until_jobs_are_known(self) -> None:
        eventually(lambda: self.call("POST", "/jobs/echo").status == 200, "the jobs are known")

    def children(self, role: str) -> list[int]:
        """The ids of this relay's processes of one role."""
        assert self.process is not None
        found = []
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                title = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                if role in title:
                    found.append(int(child))
        return found

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.signal(number)
        assert self.process is not None
        self.process.wait(PATIENCE)
