"""What is remembered of a request until it is over, where somebody wants to hear of it then."""

from __future__ import annotations

from typing import Any

import msgspec

from relay.telemetry.events import Asked, Events


class Trail(msgspec.Struct, gc=False):
    """Made as a request comes; `owner`, `job` and `key` are added as they are known. `began` is by the clock."""

    method: str
    path: str
    address: str
    trace: str
    began: float
    owner: str = ""
    job: str = ""
    key: str = ""

    def end(self, events: Events, now: float, status: int, **more: Any) -> None:
        """Tell that the request is over; `now` is by the clock, `more` are fields of `Asked`."""
        seconds = max(0.0, now - self.began)
        told: dict[str, Any] = {
            "method": self.method,
            "path": self.path,
            "status": status,
            "seconds": seconds,
        }
        told |= {"owner": self.owner, "address": self.address, "trace": self.trace, "key": self.key}
        told |= {"silent": seconds, **more, "job": more.get("job") or self.job}
        events.asked(Asked(**told))
