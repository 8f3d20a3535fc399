"""Fixtures of the workers' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, globalLogPublisher


@pytest.fixture
def told() -> Iterator[list[LogEvent]]:
    """What is logged of jobs."""
    events: list[LogEvent] = []

    def watch(event: LogEvent) -> None:
        if "id" in event:
            events.append(event)

    globalLogPublisher.addObserver(watch)
    yield events
    globalLogPublisher.removeObserver(watch)
