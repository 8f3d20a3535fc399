"""What a worker waits with: the reactor that its settings name, installed before anything else asks for one."""

from __future__ import annotations

from relay.model.settings import SettingError, Settings
from relay.net import reactors


def install(settings: Settings, chosen: str = "") -> None:
    """For the process of a worker; `chosen` is what twistd's own ``--reactor`` has installed. Raises `SettingError`."""
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
