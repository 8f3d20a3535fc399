"""What relay promises its clients, by its settings."""

from __future__ import annotations

import msgspec

from relay.model.settings import Settings


class Promised(msgspec.Struct, frozen=True):
    """Seconds and bytes of the settings with these names."""

    grace: float
    heartbeat: float
    max_wait: float
    body_limit: int

    @classmethod
    def by(cls, settings: Settings) -> Promised:
        return cls(settings.grace, settings.heartbeat, settings.max_wait, settings.body_limit)

    @property
    def longest_silence(self) -> float:
        """Of a held request, in seconds."""
        return max(self.grace, self.heartbeat)
