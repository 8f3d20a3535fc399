"""How a client wants to wait, read off its request once."""

from __future__ import annotations

import msgspec

from relay.front.prefer import Preferences
from relay.http.request import Request
from relay.model.problems.request import Malformed


class WaitRequest(msgspec.Struct, frozen=True, gc=False):
    """What a client prefers, and whether its job is to be cancelled when it goes away."""

    prefer: Preferences = Preferences()
    cancel: bool = False

    @classmethod
    def read(cls, request: Request, preferred: str = "") -> WaitRequest:
        """Read the headers of a request; what another server `preferred` for its client counts instead of its own
        Prefer. Raises `Malformed`."""
        if not preferred and request.headers.keys().isdisjoint(_HEADERS):
            return _PLAIN
        fields = [preferred] if preferred else request.values("prefer")
        return cls(Preferences.parse(fields), _is_cancelled(request))


ON_DISCONNECT = "relay-on-disconnect"
_HEADERS = frozenset({"prefer", ON_DISCONNECT})
_PLAIN = WaitRequest()


def _is_cancelled(request: Request) -> bool:
    if ON_DISCONNECT not in request.headers:
        return False
    field = request.header(ON_DISCONNECT)
    if field not in ("continue", "cancel"):
        raise Malformed(f"Relay-On-Disconnect must be continue or cancel, not {field!r}")
    return field == "cancel"
