"""Jobs to try relay with, from its own machine: anybody could fill all places of an open one with `sleep`."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import Context, job


@job(local=True)
def echo(message: Any = None) -> Any:
    """Give back what was sent."""
    return message


@job(timeout=3600, local=True)
def sleep(context: Context, seconds: Annotated[float, Meta(ge=0, le=3600)]) -> Deferred[dict[str, float]]:
    """Take so many seconds, and say how far along the way."""
    from twisted.internet import reactor

    context.progress(0, f"sleeping for {seconds} s")
    return deferLater(reactor, seconds, lambda: {"slept": seconds})
