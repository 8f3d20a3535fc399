"""Handlers that stand in their worker's way, for the tests."""

from __future__ import annotations

import time
from pathlib import Path

from twisted.internet.defer import Deferred

from relay import Context, job


def note(context: Context, what: str) -> None:
    with Path(context.settings["ran"]).open("a") as file:
        file.write(f"{what} {context.job_id}\n")


@job(timeout=60)
async def block(context: Context, seconds: float) -> str:
    note(context, "began")
    time.sleep(seconds)  # noqa: ASYNC251  this line is named
    note(context, "ended")
    return "done"


@job(timeout=60)
def beside(context: Context) -> Deferred[None]:
    """Runs until it is cancelled, and blocks nobody."""
    note(context, "began")
    return Deferred()
