"""Servers that libraries for asyncio talk to: an API that may not answer, and PostgreSQL."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.processes import LoggedProcess, eventually, free_port

INITDB = shutil.which("initdb") or next(
    iter(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")))), None
)


class Api(ThreadingHTTPServer):
    """Answers, streams as OpenAI does, or, where ``hold`` is in a path or a question, holds its client."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.held = threading.Semaphore(0)  # once for each client that is held
        self.left = threading.Semaphore(0)  # once for each that has closed its connection since
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if "hold" in self.path:
            self._hold()
            return
        body = json.dumps({"path": self.path}).encode()
        self._head("application/json", f"Content-Length: {len(body)}")
        self.wfile.write(body)

    do_PUT = do_GET

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._head("text/event-stream", "Connection: close")
        question = asked["messages"][0]["content"]
        for word in ("it", " is", " so"):
            chunk = {"choices": [{"index": 0, "delta": {"content": word}}], "object": "chat.completion.chunk"}
            self.wfile.write(b"data: %s\n\n" % json.dumps(chunk).encode())
            self.wfile.flush()
            if "hold" in question:
                self._hold()
                return
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _head(self, kind: str, *lines: str) -> None:
        text = "\r\n".join(["HTTP/1.1 200 OK", f"Content-Type: {kind}", *lines, "", ""])
        self.wfile.write(text.encode())

    def _hold(self) -> None:
        """Until the client closes."""
        self.server.held.release()
        self.close_connection = True
        with suppress(ConnectionError):
            while self.rfile.read1(65536):
                pass
        self.server.left.release()


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of its own, which does not run as root."""
    assert INITDB is not None
    directory, port = tempfile.mkdtemp(prefix="relay-postgres-"), free_port()
    as_user = _as_user(directory)
    binaries = Path(INITDB).parent
    try:
        command = [*as_user, INITDB, "-D", f"{directory}/data", "-A", "trust", "-U", "relay", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True, cwd=directory)
        settings = [f"-cunix_socket_directories={directory}", "-clisten_addresses=127.0.0.1", "-cfsync=off"]
        command = [
            *as_user,
            str(binaries / "postgres"),
            "-D",
            f"{directory}/data",
            "-p",
            str(port),
            *settings,
        ]
        server = LoggedProcess(command, dict(os.environ), Path(directory))
        server.start()
        server.wait_for("ready to accept connections")
        yield f"postgresql://relay@127.0.0.1:{port}/postgres"
        server.signal(signal.SIGINT)  # which ends clients that are still there
        server.stop()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _as_user(directory: str) -> list[str]:
    """What a command begins with that must not run as root, where we are root; the directory is that user's."""
    if os.getuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    os.chown(directory, nobody.pw_uid, nobody.pw_gid)
    return [
        "setpriv",
        f"--reuid={nobody.pw_uid}",
        f"--regid={nobody.pw_gid}",
        "--clear-groups",
        "--pdeathsig=INT",
    ]


def queries(url: str) -> int:
    """How many queries run that sleep."""
    command = [
        "psql",
        url,
        "-Atc",
        "select count(*) from pg_stat_activity where query like '%pg_sleep(600%' ",
    ]
    command[-1] += "and state = 'active' and pid <> pg_backend_pid()"
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def wait_for_queries(url: str, count: int) -> None:
    eventually(lambda: queries(url) == count, f"{count} queries sleep")
