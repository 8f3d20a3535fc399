"""What became of a program that a handler ran."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finished:
    """A program has ended: with an exit status (0 by custom where it did what it was asked to), or by a signal."""

    code: int
    """Its exit status; the signal's number below 0 if it was ended by one (-9 for SIGKILL)."""
    output: bytes
    """What it wrote to its standard output."""
    errors: bytes
    """What it wrote to its standard error."""
