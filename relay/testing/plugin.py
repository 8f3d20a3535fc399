"""Fixtures for pytest, found by it where relay is installed. Importing this brings neither Twisted nor a reactor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import relay.testing as testing


@pytest.fixture
def relay_run() -> Callable[..., Any]:
    """`relay.testing.run`: runs one handler as a worker runs it."""
    return testing.run


@pytest.fixture
def relay_app() -> Iterator[Callable[..., Any]]:
    """Makes relays that end with the test; takes what `relay.testing.Relay` takes."""
    with ExitStack() as ending:

        def make(*jobs: Any, **options: Any) -> Any:
            return ending.enter_context(testing.Relay(*jobs, **options))

        yield make
