"""What a handler logs: ``context.log``."""

from __future__ import annotations

from twisted.logger import ILogObserver, LogEvent, Logger, globalLogPublisher
from zope.interface import implementer

from relay.model.job import Claim
from relay.model.text import printable


def log_of(claim: Claim) -> Logger:
    """A logger for a job; its events have the job's name and id in their namespace."""
    return Logger(namespace=f"job.{claim.job.name}.{claim.id}", observer=_publish)


@implementer(ILogObserver)
def _publish(event: LogEvent) -> None:
    """What one handler says must not look like a line of another's."""
    globalLogPublisher(
        {key: printable(said) if isinstance(said, str) else said for key, said in event.items()}
    )
