"""A handler whose runs can be counted."""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred

from relay import Context, job


@job(timeout=60)
def marked(context: Context, n: int, seconds: float) -> Deferred[int]:
    """Write `n` down for each run, and return it some seconds later."""
    with open(os.environ["RUNS"], "a") as file:
        file.write(f"{n}\n")
    return context.sleep(seconds).addCallback(lambda _: n)
