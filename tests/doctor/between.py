"""A proxy of our own, byte by byte, that does what no proxy should."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

_SIZE = 65536


@dataclass
class Faults:
    """What it does: cuts each connection after so many `seconds` or `most` bytes of answers (0 for never), changes what
    comes (`change`), or keeps all of it back until the end (`keeps`)."""

    seconds: float = 0.0
    most: int = 0
    change: Callable[[bytes], bytes] = bytes
    keeps: bool = False


class Between:
    """Passes connections on to a port of this machine, from `port`."""

    def __init__(self, target: int, faults: Faults) -> None:
        self._target = target
        self._faults = faults
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        front = socket.create_connection(("127.0.0.1", self._target))
        if self._faults.seconds:
            threading.Timer(self._faults.seconds, _cut, (client, front)).start()
        threading.Thread(target=_pump, args=(client, front), daemon=True).start()
        passed, kept = 0, b""
        with contextlib.suppress(OSError):
            while data := front.recv(_SIZE):
                data, kept = (b"", kept + data) if self._faults.keeps else (self._faults.change(data), b"")
                if kept.endswith((b"}", b"0\r\n\r\n")):
                    data, kept = kept, b""
                if self._faults.most:
                    data = data[: self._faults.most - passed]
                client.sendall(data)
                passed += len(data)
                if self._faults.most and passed >= self._faults.most:
                    break
        _cut(client, front)


def _pump(client: socket.socket, front: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(_SIZE):
            front.sendall(data)
        front.shutdown(socket.SHUT_WR)


def _cut(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
