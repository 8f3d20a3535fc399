"""Replaces a file as a whole: whoever reads it sees all of the old one or all of the new one."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NEW_MODE = 0o640


@contextmanager
def alone_in(directory: str) -> Iterator[None]:
    """Wait until nobody else is. The directory itself is locked, because a file that is replaced takes its lock with
    it. Raises `OSError`."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def replace_file(path: str, data: bytes) -> None:
    """Write a file anew, to the disk. It keeps its mode and its owner; one that is new can be written by its owner and
    read by its group. Raises `OSError`, and the old one is there."""
    directory = os.path.dirname(path) or "."
    descriptor, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=directory)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            _dress(descriptor, path)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(directory)


def _dress(descriptor: int, path: str) -> None:
    """Give a file the owner and the mode of the one that it replaces."""
    try:
        before = os.stat(path)
    except FileNotFoundError:
        os.fchmod(descriptor, NEW_MODE)
        return
    now = os.fstat(descriptor)
    if (now.st_uid, now.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, before.st_mode & 0o7777)


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
