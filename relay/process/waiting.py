"""What a process waits with: its reactor, installed before anything else asks for one.

A worker has the one that its settings name; others have the one that is best for this machine.
"""

from __future__ import annotations

from relay.model.settings import SettingError, Settings
from relay.net import reactors


def install(role: str, settings: Settings, chosen: str = "") -> None:
    """For a process of this role; `chosen` is what twistd's own ``--reactor`` has installed. Raises `SettingError`."""
    if role == "worker":
        _install_a_workers(settings, chosen)
    else:
        reactors.install_default()


def _install_a_workers(settings: Settings, chosen: str) -> None:
    wanted = settings.reactor
    if chosen and wanted not in (Settings().reactor, chosen):
        raise SettingError(f"--reactor {wanted}: twistd's own --reactor says {chosen}: leave one of them out")
    if chosen:
        return
    try:
        reactors.install(wanted)
    except reactors.ReactorError as error:
        raise SettingError(f"--reactor {wanted}: {error}") from error


def check(settings: Settings) -> None:
    """For a process that starts workers. Raises `SettingError`."""
    try:
        reactors.check(settings.reactor)
    except reactors.ReactorError as error:
        raise SettingError(f"--reactor {settings.reactor}: {error}") from error
