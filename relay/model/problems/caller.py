"""What can go wrong with who calls: credentials, what a caller may call, how much it may take."""

from __future__ import annotations

import math
from collections.abc import Iterable

from relay.model.limits import NO_RATE, Rate
from relay.model.problems.base import RelayError


def quota(name: str, most: int, policy: str, now: str = "") -> str:
    """Header lines that say which quota is used up (draft-ietf-httpapi-ratelimit-headers-10); "" without one."""
    if not most:
        return ""
    return f'RateLimit-Policy: "{name}";q={most}{policy}\r\nRateLimit: "{name}";r=0{now}\r\n'


class Unauthorized(RelayError):
    """The request has no valid credentials: no token, or one that is malformed, unknown, revoked or expired. Send a
    token as `Authorization: Bearer …`. If yours is not valid any more, get a new one where you got it, or tell the
    operator. Sending the same request again gives the same answer."""

    status, slug, title = 401, "unauthorized", "Credentials are missing or not valid"

    def __init__(self, detail: str = "", *, given: bool = True) -> None:
        super().__init__(detail)
        self._given = given
        self.offer(("Bearer",))

    def offer(self, schemes: Iterable[str]) -> None:
        """Say which schemes are accepted: Bearer, Basic. Without one it is Bearer, because a 401 has to name one."""
        reason = ', error="invalid_token"' if self._given else ""  # RFC 6750, 3
        more = {"Bearer": reason, "Basic": ', charset="UTF-8"'}
        lines = [f'WWW-Authenticate: {name} realm="relay"{more.get(name, "")}\r\n' for name in schemes]
        self.head = "".join(lines) or f'WWW-Authenticate: Bearer realm="relay"{reason}\r\n'


class JobNotAllowed(RelayError):
    """This caller may not call the job, whether it exists or not. Check the spelling, or ask the operator to add the
    job to what your token may call."""

    status, slug, title = 403, "job-not-allowed", "This caller may not call the job"


class Forbidden(RelayError):
    """relay refuses the request for one of four reasons, which `detail` names. The ticket or the proof is forged or has
    expired: ask the server that issued it for a new one. The caller may not act for the user in `Relay-Subject`. The
    web page's origin is not allowed: the operator can name it with `--cors`. relay is closed, and the request comes
    from another machine, through a proxy or under another host name: the operator can let callers in with `--tokens`,
    `--jwt-keys` or `--callers`, addresses with `--allow`, names with `--host`, and everybody with `--open`."""

    status, slug, title = 403, "forbidden", "Caller not allowed"


class RateExceeded(RelayError):
    """You submit more jobs than you may. `RateLimit-Policy` says how many you may submit, `Retry-After` when the next
    one is accepted. Nothing was queued: send the same request again then."""

    status, slug, title, retry_after = 429, "rate-exceeded", "Too many jobs in a short time", 1

    def __init__(self, rate: Rate = NO_RATE, seconds: float = 1.0) -> None:
        """`seconds`: from now until the next one is accepted."""
        window = f"{rate.window:.0f} s"
        super().__init__(f"this caller may submit {rate.calls} jobs in {window}" if rate.calls else "")
        self.wait = seconds
        self.retry_after = max(1, math.ceil(seconds))  # type: ignore[misc] # of this one
        self.head = quota("rate", rate.calls, f";w={rate.window:.0f}", f";t={self.retry_after}")


class TooManyQueued(RelayError):
    """As many of your jobs are queued, scheduled or running as you may have. Nothing was queued: send the same request
    again when some have ended."""

    status, slug, title, retry_after = (
        429,
        "too-many-queued",
        "This caller has as many jobs as it may have",
        5,
    )

    def __init__(self, most: int = 0) -> None:
        super().__init__(f"this caller may have {most} jobs at once" if most else "")
        self.head = quota("queued", most, ';qu="jobs"')


class TooManyFailures(RelayError):
    """Too many requests from your address had credentials that are not valid. Get a valid token, and send the request
    again after `Retry-After` seconds."""

    status, slug, title, retry_after = 429, "too-many-failures", "Too many failed attempts", 1

    def __init__(self, seconds: float = 1.0) -> None:
        """`seconds`: from now until the next attempt is let through."""
        super().__init__("too many attempts from your address failed, or are still being checked")
        self.retry_after = max(1, math.ceil(seconds))  # type: ignore[misc] # of this one


class KeysAway(RelayError):
    """The identity provider whose keys check your token does not answer, so relay can't tell whether the token is
    valid. Nothing was queued. Send the same request again after `Retry-After` seconds."""

    status, slug, title, retry_after = 503, "keys-away", "The token can't be checked now", 5


class CallersAway(RelayError):
    """The server that knows who calls does not answer, so relay can't tell whether your credentials are valid. Nothing
    was queued. Send the same request again after `Retry-After` seconds."""

    status, slug, title, retry_after = 503, "callers-away", "The credentials can't be checked now", 5
