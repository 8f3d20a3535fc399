"""What callers can show, as the operator's files have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from relay.front.callers.check import CallerCheck
from relay.front.callers.sources import CallerSources
from relay.model import tickets
from relay.model.mark import mark_of
from relay.model.settings import SettingError, Settings


def _nothing() -> None:
    pass


def _no_mark() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """`secrets` are what tickets and proofs are signed with, `checks` tell who calls; between `start` and `stop` they
    notice what changes. `token_mark` tells the tokens that are known now from others (`relay.model.mark`)."""

    secrets: Sequence[str] = ()
    checks: Sequence[CallerCheck] = ()
    start: Callable[[], None] = _nothing
    stop: Callable[[], None] = _nothing
    token_mark: Callable[[], str] = _no_mark

    def secret_marks(self) -> tuple[str, ...]:
        """A mark of each secret."""
        return tuple(mark_of([secret.encode()]) for secret in self.secrets)

    @classmethod
    def read(cls, reactor: Any, settings: Settings) -> Credentials:
        """Read the files that the settings name, and import the operator's own check. Raises `SettingError`."""
        sources = CallerSources(reactor, settings)
        return cls(read_secrets(settings), sources.checks, sources.start, sources.stop, sources.mark)


def read_secrets(settings: Settings) -> Sequence[str]:
    """The secrets of ``--ticket-secrets``. Raises `SettingError`."""
    try:
        return tickets.read_secrets(settings.ticket_secrets) if settings.ticket_secrets else ()
    except (OSError, ValueError) as error:
        raise SettingError(f"--ticket-secrets: {error}") from error


def check_files(reactor: Any, settings: Settings) -> None:
    """Raise `SettingError` for a file that can't be used, without a look at the operator's own check, whose code is not
    for every process."""
    read_secrets(settings)
    CallerSources(reactor, msgspec.structs.replace(settings, callers=""))
