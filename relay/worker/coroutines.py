"""Runs the coroutines of handlers."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Deferred[Result]:
    """Fires with what the coroutine returns, or fails with what it raises."""
    return Deferred.fromCoroutine(coroutine)
