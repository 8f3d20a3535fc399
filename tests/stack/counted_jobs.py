"""Handlers that note each time that they run, in the file that ``--set counted=FILE`` names."""

from __future__ import annotations

import os

from relay import Context, JobError, job

PIECES = 5


def count(context: Context, mark: str) -> None:
    descriptor = os.open(context.settings["counted"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{mark}\n".encode())
    os.close(descriptor)


@job
async def counted(context: Context, mark: str, seconds: float = 0.0) -> str:
    count(context, mark)
    await context.sleep(seconds)
    return mark


@job
def counted_failure(context: Context, mark: str) -> None:
    count(context, mark)
    raise JobError("no funds", status=402, type="card-declined", mark=mark)


@job
async def counted_output(context: Context, mark: str, pause: float = 0.0) -> str:
    count(context, mark)
    for number in range(PIECES):
        await context.emit(f"{number}\u2028{mark} ü")
        await context.sleep(pause)
    return mark
