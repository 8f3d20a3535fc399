"""Servers that the jobs talk to: a real moto in a process of its own, and a source of many bytes in a thread."""

from __future__ import annotations

import hashlib
import os
import random
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3

from tests.processes import LoggedProcess

BUCKET, OTHER = "photos", "archive"
ACCESS = {"aws_access_key_id": "relay", "aws_secret_access_key": "secret;of=relay"}
_BLOCK = random.Random(7).randbytes(1 << 16)


class Moto(LoggedProcess):
    """An S3, and boto3 to look at it."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        super().__init__(command, {**os.environ, "PYTHONUNBUFFERED": "1"}, directory)
        self.url = ""
        self.s3: Any = None

    def start(self) -> None:
        super().start()
        self.url = self.wait_for(r"Running on (http://127\.0\.0\.1:\d+)")[1]
        self.s3 = boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **ACCESS)
        for bucket in (BUCKET, OTHER):
            self.s3.create_bucket(Bucket=bucket)

    def read(self, key: str, bucket: str = BUCKET) -> bytes:
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def uploads(self) -> list[str]:
        """The keys of uploads that were begun and not ended."""
        return [found["Key"] for found in self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]

    def given(self) -> dict[str, str]:
        return {
            "s3_endpoint": self.url,
            "s3_buckets": f"{BUCKET}, {OTHER}",
            "s3_access_key": ACCESS["aws_access_key_id"],
            "s3_secret_key": ACCESS["aws_secret_access_key"],
        }

    def settings(self) -> list[str]:
        return [word for name, value in self.given().items() for word in ("--set", f"{name}={value}")]


def blocks(size: int) -> Iterator[bytes]:
    """So many bytes of a pattern."""
    while size > 0:
        yield _BLOCK[:size]
        size -= len(_BLOCK)


def digest(pieces: Iterator[bytes]) -> str:
    hashed = hashlib.sha256()
    for piece in pieces:
        hashed.update(piece)
    return hashed.hexdigest()


class _Bytes(BaseHTTPRequestHandler):
    """``/bytes/<size>``: a body of that size. ``?cut=N`` closes after N bytes, ``?stall=N`` stops there the first
    time that it is asked for."""

    protocol_version = "HTTP/1.1"
    server: Any

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: int(value) for name, (value,) in parse_qs(parts.query).items()}
        size = int(parts.path.rpartition("/")[2])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Type", "image/test")
        self.end_headers()
        stalls = "stall" in query and self.server.source.asked(self.path) == 1
        self._send(query["stall"] if stalls else query.get("cut", size))
        if stalls:
            self.server.source.stalled.release()
            self.rfile.read(1)  # until the other side goes away
        self.close_connection = stalls or "cut" in query

    def _send(self, size: int) -> None:
        for block in blocks(size):
            self.wfile.write(block)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that went away is what some tests are about."""


class Source:
    """A server of bytes."""

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Bytes)
        self._server.source = self  # type: ignore[attr-defined]
        self._counts: dict[str, int] = {}
        self.stalled = threading.Semaphore(0)
        self.url = f"http://127.0.0.1:{self._server.server_port}/bytes"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def asked(self, path: str) -> int:
        self._counts[path] = self._counts.get(path, 0) + 1
        return self._counts[path]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
