"""What a phone is told of an outcome: the job, and how it ended. The result it asks relay for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LONGEST_COLLAPSE_ID = 64  # bytes that Apple takes
KEPT = 3600.0  # seconds: relay's --keep, where an outcome does not say until when it is kept


@dataclass(frozen=True, slots=True)
class Pushed:
    """A message that a push service took, by the `id` that it has there; "" where there was nobody to send it to."""

    id: str


@dataclass(frozen=True, slots=True)
class PushMessage:
    """A message to one device. `data`: what the app is given · `about`: what it is about; the phone shows the last
    message about the same in the place of an earlier one · `title`, `text`: what the phone shows; with neither the app
    is woken, and nothing is shown · `until`: when it is of no use any more, seconds since the epoch."""

    data: Mapping[str, str]
    about: str = ""
    title: str = ""
    text: str = ""
    until: float = field(default_factory=lambda: time.time() + KEPT)

    @property
    def is_shown(self) -> bool:
        """Whether the phone shows it."""
        return bool(self.title or self.text)

    @classmethod
    def of_outcome(cls, outcome: Mapping[str, Any], title: str = "", text: str = "") -> PushMessage:
        """The message that a job has ended, of the envelope that its `then` is given: `job_id`, `job` and `state`."""
        data = {"job_id": outcome["id"], "job": outcome["job"], "state": outcome["state"]}
        until = time.time() + KEPT
        if "expires" in outcome:
            until = datetime.fromisoformat(outcome["expires"]).timestamp()
        return cls(data, outcome["id"], title, text, until)
