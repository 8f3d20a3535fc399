"""A file of the operator's that is read again when it changes: it is bounded, and never waited for."""

from __future__ import annotations

import os
import stat
from typing import TypeAlias

#: what is different when a file has changed, or others may do other things with it
Stamp: TypeAlias = tuple[int, ...] | None


def stamp_of(path: str) -> Stamp:
    """None for a file that is not there, or can't be looked at."""
    try:
        return _stamp(os.stat(path))
    except OSError:
        return None


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def read_file(path: str, most: int) -> bytes:
    """What a file has, up to so many bytes. Raises `OSError`; `ValueError` for what is not a file (a pipe would never
    end), is larger, may be written by everybody, or changes meanwhile; the message says which."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        _check(before, most)
        data = file.read(most + 1)
        after = os.fstat(descriptor)
    if len(data) > most or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise ValueError("it changes while it is read")
    return data


def _check(status: os.stat_result, most: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a file")
    if status.st_mode & stat.S_IWOTH:
        raise ValueError("everybody may write it: chmod o-w")
    if status.st_size > most:
        raise ValueError(f"it has {status.st_size} bytes; {most} are the most")
