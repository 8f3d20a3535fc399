"""A Deferred that fires along with another, and can be given up without it."""

from __future__ import annotations

from twisted.internet.defer import Deferred


def along(deferred: Deferred[None]) -> Deferred[None]:
    """Fires when `deferred` does; cancelling it leaves that alone."""
    copy: Deferred[None] = Deferred()

    def passed(result: None) -> None:
        if not copy.called:
            copy.callback(None)

    deferred.addBoth(passed)
    return copy
