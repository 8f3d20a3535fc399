"""The jobs that are measured."""

from __future__ import annotations

from typing import Any

from relay import job


@job
def echo(message: Any = None) -> Any:
    """Give back what was sent."""
    return message


@job(queue="later")
def later(message: Any = None) -> Any:
    """The same, in a queue that no worker takes from until it is wanted."""
    return message
