"""What commands say of a relay that they ask through its admin listener."""

from __future__ import annotations

import pytest
from pytest_twisted import ensureDeferred

from relay.commands.at_listener import remote_operations
from relay.commands.ending import Unreached
from relay.commands.reaching import ListenerReach
from relay.model.problems.request import StoreAway


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ("The store does not answer", "http://ops answers, but its store does not"),
        (
            "partition 1 of the store does not answer",
            "http://ops answers, but its store does not: partition 1 of the store does not answer",
        ),
    ],
)
@ensureDeferred
async def test_a_partition_that_is_away_is_named(detail: str, said: str) -> None:
    from twisted.internet import reactor

    with pytest.raises(Unreached) as error:
        async with remote_operations(reactor, ListenerReach("http://ops", "")):
            raise StoreAway(detail)
    assert str(error.value) == said
