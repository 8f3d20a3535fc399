"""Standard output and standard error as a shell may leave them: closed, full, read by nobody, or in an encoding that
has few letters."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import TextIO

UNREAD = 128 + signal.SIGPIPE  # status where whoever reads what is written went away, as shells have it
_OTHERWISE = "backslashreplace"  # letters that the encoding does not have are shown by their numbers


class ResultStream(TextIOWrapper):
    """Standard output. What can't be written ends the command, with one line unless nobody reads any more."""

    def write(self, text: str) -> int:
        """Exits where it can't be written."""
        with _written():
            return super().write(text)

    def flush(self) -> None:
        """Exits where it can't be written."""
        with _written():
            super().flush()


class RemarkStream(TextIOWrapper):
    """Standard error. What can't be written there is not said."""

    def write(self, text: str) -> int:
        """Never fails."""
        with suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """Never fails."""
        with suppress(OSError):
            super().flush()


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left does not go anywhere
        if isinstance(error, BrokenPipeError):
            raise SystemExit(UNREAD) from None
        sys.stderr.write(f"relay: standard output: {error.strerror}\n")
        raise SystemExit(1) from None


def prepare() -> None:
    """Have both streams of this process take whatever is written. To be called before anything is opened."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # is the lowest number that is free; else a socket would be
    sys.stdout = _taken(sys.stdout, 1, ResultStream)
    sys.stderr = _taken(sys.stderr, 2, RemarkStream)


def _taken(stream: TextIO | None, number: int, kind: type[TextIOWrapper]) -> TextIO:
    """Instead of a plain stream, or of none."""
    if stream is None:
        return kind(os.fdopen(number, "wb"), "utf-8", _OTHERWISE, line_buffering=True)
    if type(stream) is not TextIOWrapper:  # whoever called has put something else there
        return stream
    return kind(
        stream.buffer,
        stream.encoding,
        _OTHERWISE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,  # instead of lines, with PYTHONUNBUFFERED
    )
