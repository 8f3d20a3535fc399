"""Timers: what `IReactorTime.callLater` gives."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall


def stop_timer(timer: IDelayedCall | None) -> None:
    """Cancel a timer; nothing happens for none, or for one that has fired or was cancelled."""
    if timer is not None and timer.active():
        timer.cancel()
