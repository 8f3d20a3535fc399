"""Declarations that ask for two partitions at once."""

from __future__ import annotations

import msgspec
import pytest

from relay.model.settings import SettingError
from relay.store.messages import JobDefinition, LimitDefinition
from relay.worker.apart import check_limits
from tests.store.test_store import declared


def followed(limit: str, then: str, per: str = "") -> JobDefinition:
    """A job under a limit ("" for none), whose outcome is given to one under another."""
    next_one = declared("tell", limit=LimitDefinition(then, 1, 1, "") if then else None)
    lane = next_one.limit.lane() if next_one.limit else ""
    template = msgspec.structs.replace(next_one.template(), lane=lane)
    limited = LimitDefinition(limit, 1, 1, per) if limit else None
    return msgspec.structs.replace(declared("ask", limit=limited), then=template)


@pytest.mark.parametrize(
    "job", [followed("a", ""), followed("", "b"), followed("a", "a", "user"), declared("echo")]
)
def test_one_limit_is_in_one_place(job: JobDefinition) -> None:
    check_limits([job], lambda pin: pin)


def test_two_limits_that_lie_together_are_fine() -> None:
    home = object()
    check_limits([followed("a", "b")], lambda pin: home)


def test_two_limits_that_lie_apart_are_refused_with_what_to_do() -> None:
    with pytest.raises(
        SettingError, match=r"ask is under the limit a, and tell.*under the limit b.*context.submit"
    ):
        check_limits([declared("echo"), followed("a", "b", "user")], lambda pin: pin)
