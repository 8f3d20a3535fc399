"""What tests of clients have together."""

from __future__ import annotations

from tests.stack.counting import counting as counting
from tests.stack.counting import proxy as proxy
