"""Hosts as network namespaces on a bridge, so that a host can be cut off and not only killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterable

from tests.processes import Host


def can_have_hosts() -> bool:
    """Whether this machine lets us make network namespaces."""
    if os.geteuid() or not shutil.which("ip"):
        return False
    with contextlib.suppress(OSError, subprocess.CalledProcessError), Network(1):
        return True
    return False


class Network:
    """Some hosts, and this process, on a bridge of their own. A context manager; all is gone afterwards."""

    _NUMBERS = range(1, 250)

    def __init__(self, count: int) -> None:
        self._guard = socket.socket(socket.AF_UNIX)  # marks the number as this process's, until it ends
        self._number = self._mark()
        self._bridge = f"relaybr{self._number}"
        self._outside = f"10.213.{self._number}.254"
        self.hosts = [
            Host(f"10.213.{self._number}.{n}", f"relay-{self._number}-{n}") for n in range(1, count + 1)
        ]

    def _mark(self) -> int:
        for number in self._NUMBERS:
            with contextlib.suppress(OSError):
                self._guard.bind(f"\0relay-test-network-{number}")
                return number
        raise AssertionError("each number of a network is somebody's")

    def __enter__(self) -> Network:
        self._remove()  # what a process left that was killed
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("addr", "add", f"{self._outside}/24", "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        try:
            for host in self.hosts:
                self._add(host)
        except BaseException:
            self._remove()
            raise
        return self

    def _add(self, host: Host) -> None:
        end = self._end(host)
        _ip("netns", "add", host.namespace)
        _ip("link", "add", end, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
        _ip("link", "set", end, "master", self._bridge, "up")
        for words in (
            f"addr add {host.address}/24 dev eth0",
            "link set eth0 up",
            "link set lo up",
        ):
            _ip("-n", host.namespace, *words.split())

    def _end(self, host: Host) -> str:
        """The bridge's end of a host's cable."""
        return f"relay{self._number}h{host.address.rpartition('.')[2]}"

    def __exit__(self, *_: object) -> None:
        self._remove()
        self._guard.close()

    def _remove(self) -> None:
        for host in self.hosts:
            _ip(
                "link", "del", self._end(host), check=False
            )  # else it lives until the last connection is forgotten
            _ip("netns", "del", host.namespace, check=False)
        _ip("link", "del", self._bridge, check=False)

    def cut(self, some: Iterable[Host], others: Iterable[Host]) -> None:
        """Nothing gets from the ones to the others, nor back; this process reaches them all."""
        self._routes("replace", some, others)

    def join(self, some: Iterable[Host], others: Iterable[Host]) -> None:
        """They reach each other again."""
        self._routes("del", some, others)

    def _routes(self, verb: str, some: Iterable[Host], others: Iterable[Host]) -> None:
        there = list(others)
        for one in some:
            for other in there:
                _ip("-n", one.namespace, "route", verb, "blackhole", f"{other.address}/32")
                _ip("-n", other.namespace, "route", verb, "blackhole", f"{one.address}/32")


def _ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True)
