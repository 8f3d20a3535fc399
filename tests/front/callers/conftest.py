"""Tests with tokens, which are others in each process."""

from __future__ import annotations

import pytest

from relay.model.token import PREFIX


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A random text can't be part of a test's name, which all processes that share the tests have to know."""
    return argname if isinstance(val, str) and PREFIX in val.lower() else None
