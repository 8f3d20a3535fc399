"""The processes of relay on this machine, as its list of processes shows them (Linux)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TITLE = b"relay all"  # of a supervisor
_SOCKET = re.compile(rb"unixsocket:(/[^\0 ]+)|--unixsocket\0([^\0]+)")  # once it serves; as it was started


def supervisors() -> list[int]:
    """The process ids of the supervisors (``relay all``) on this machine."""
    return sorted(pid for pid, title in _titles() if title == _TITLE)


def sockets_of_redis(parents: list[int]) -> list[str]:
    """The sockets of the Redis servers that are children of these processes."""
    found = (
        _SOCKET.search(title) for pid, title in _titles() if _SOCKET.search(title) and _parent(pid) in parents
    )
    return sorted({(match[1] or match[2]).decode("utf-8", "surrogateescape") for match in found if match})


def _titles() -> Iterator[tuple[int, bytes]]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            yield int(path.parent.name), path.read_bytes().rstrip(b"\0")


def _parent(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(text.rpartition(b")")[2].split()[1])
