"""What callers can show, as the operator's files have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from relay.front.callers.check import CallerCheck
from relay.model import tickets
from relay.model.settings import SettingError, Settings


@dataclass(frozen=True, slots=True)
class Credentials:
    """`secrets` are what tickets and proofs are signed with, `checks` tell who calls."""

    secrets: Sequence[str] = ()
    checks: Sequence[CallerCheck] = ()

    @classmethod
    def read(cls, settings: Settings) -> Credentials:
        """Read the files that the settings name. Raises `SettingError`."""
        try:
            return cls(tickets.read_secrets(settings.ticket_secrets) if settings.ticket_secrets else ())
        except (OSError, ValueError) as error:
            raise SettingError(f"--ticket-secrets: {error}") from error
