"""A job whose outcome is posted when nobody collects it."""

from __future__ import annotations

from twisted.internet.task import deferLater

from relay import JobError, job
from relay.jobs.webhook import webhook


@job(then=webhook)
async def announce(text: str, seconds: float = 0) -> str:
    from twisted.internet import reactor

    await deferLater(reactor, seconds)  # type: ignore[arg-type]
    if not text:
        raise JobError(type="nothing-to-say")
    return text
