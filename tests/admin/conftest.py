"""Desks for the tests of the admin listener."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.admin.scene import Desk


@pytest.fixture
def desk() -> Desk:
    """One of this machine, without tokens."""
    return Desk()


@pytest.fixture
def guarded(tmp_path: Path) -> Desk:
    """One with operators: ``look`` may look, ``act`` may act; ``app`` is a caller."""
    return Desk(tmp_path, "look", "act", "app")
