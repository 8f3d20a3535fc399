"""Jobs to try relay with, from its own machine only, because with `sleep` anybody could fill all places of an open
relay."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from relay import Context, job


@job(local=True)
def echo(message: Any = None) -> Any:
    """Return the message."""
    return message


@job(timeout=3600, local=True)
def sleep(context: Context, seconds: Annotated[float, Meta(ge=0, le=3600)]) -> Deferred[dict[str, float]]:
    """Take so many seconds, and report progress."""
    from twisted.internet import reactor

    context.progress(0, f"sleeping for {seconds} s")
    return deferLater(reactor, seconds, lambda: {"slept": seconds})
