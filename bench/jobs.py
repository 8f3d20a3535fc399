"""The jobs that are measured."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater

from relay import job


@job
def echo(message: Any = None) -> Any:
    """Give back what was sent."""
    return message


@job(queue="later")
def later(message: Any = None) -> Any:
    """The same, in a queue that no worker takes from until it is wanted."""
    return message


@job
async def slow(seconds: float) -> None:
    """Wait for somebody else."""
    from twisted.internet import reactor

    await deferLater(reactor, seconds)
