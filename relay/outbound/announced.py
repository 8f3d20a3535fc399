"""What APIs say of their limits, read off their answers.

==========================================  =======================================================================
``429``, ``503`` with ``Retry-After``       nobody before then (seconds, or a date: RFC 9110)
``RateLimit-Policy: "name";q=50;w=1``       50 calls in a second (draft-ietf-httpapi-ratelimit-headers; also ``50;w=1``)
``RateLimit: "name";r=0;t=30``              nobody for 30 s
``RateLimit-Remaining``, ``X-RateLimit-…``  the same with ``…-Reset``: seconds, or seconds since the epoch
``X-App-Usage`` and its like (Graph API)    at 100 % nobody, until the time that it estimates, else for a minute
==========================================  =======================================================================
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from twisted.web.http_headers import Headers

from relay.model.limits import MOST_CALLS, Learned, Rate

LONGEST_PAUSE = LONGEST_WINDOW = 86400.0  # seconds
_USAGE = ("x-app-usage", "x-page-usage", "x-ad-account-usage", "x-business-use-case-usage")
_GRAPH_PAUSE = 60.0  # seconds, where Graph gives no estimate
_SOME_EPOCH = 1e9  # a reset above it is a time, below it a duration
_LONGEST = 8 << 10  # characters of a header; a longer one says nothing
_LONGEST_DATE = 64
_POLICY = re.compile(r'(?:"[^"]*+"\s*+;(?P<named>[^,]*+))|(?<!\d)(?P<old>\d++)\s*+;(?P<rest>[^,]*+)')
_PARAMETER = re.compile(r"\b([a-z]+)=(\d+)")


def learn(status: int, headers: Headers, now: float) -> Learned:
    """Read an answer; `now` is in seconds since the epoch."""

    def header(name: str) -> str:
        said = b",".join(headers.getRawHeaders(name.encode(), []))
        return said.decode("latin-1") if len(said) <= _LONGEST else ""

    pauses = [_remaining(header, now), _usage(header)]
    if status in (429, 503):
        pauses.append(retry_after(headers, now) or 0)
    return Learned(_policy(header("ratelimit-policy")), min(LONGEST_PAUSE, max(pauses)))


def retry_after(headers: Headers, now: float) -> float | None:
    """Seconds to wait, by ``Retry-After``; None where that is missing or no date and no number."""
    text = (headers.getRawHeaders("retry-after") or [""])[0].strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    if len(text) > _LONGEST_DATE:
        return None
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now)
    except (TypeError, ValueError, OverflowError):
        return None


def _policy(text: str) -> Rate:
    """The strictest of the policies, by its rate in the long run."""
    found = []
    for match in _POLICY.finditer(text):
        parameters = dict(_PARAMETER.findall(match["named"] or match["rest"] or ""))
        quota, window = _whole(match["old"] or parameters.get("q", "0")), _whole(parameters.get("w", "0"))
        if 0 < quota <= MOST_CALLS and window > 0:
            found.append(Rate(quota, min(LONGEST_WINDOW, float(window))))
    return min(found, key=lambda rate: rate.calls / rate.window, default=Rate())


def _whole(text: str) -> int:
    """A number as it stands in a header, however many digits somebody else's server writes."""
    return int(text[:10])


def _remaining(header: Callable[[str], str], now: float) -> float:
    parameters = dict(_PARAMETER.findall(header("ratelimit")))
    if parameters.get("r") == "0":
        return float(parameters.get("t", 1))
    for prefix in ("ratelimit", "x-ratelimit", "x-rate-limit"):
        if header(f"{prefix}-remaining").strip() == "0":
            reset = header(f"{prefix}-reset").strip()
            if re.fullmatch(r"\d{1,11}(\.\d+)?", reset):
                return max(0.0, float(reset) - now if float(reset) > _SOME_EPOCH else float(reset))
    return 0.0


def _usage(header: Callable[[str], str]) -> float:
    pauses = [0.0]
    for name in _USAGE:
        try:
            said = msgspec.json.decode(header(name)) if header(name) else {}
        except (msgspec.DecodeError, RecursionError):
            continue
        for usage in _usages(said):
            spent = [v for v in usage.values() if isinstance(v, int | float) and not isinstance(v, bool)]
            minutes = usage.get("estimated_time_to_regain_access", 0)
            if isinstance(minutes, int | float) and minutes > 0:
                pauses.append(min(minutes, LONGEST_PAUSE) * 60.0)
            elif any(value >= 100 for value in spent):
                pauses.append(_GRAPH_PAUSE)
    return max(pauses)


def _usages(said: Any) -> Iterator[dict[str, Any]]:
    """``{"call_count": 28, …}``, or lists of such by business (percentages)."""
    if isinstance(said, dict):
        if any(isinstance(value, list) for value in said.values()):
            for value in said.values():
                yield from (usage for usage in value if isinstance(usage, dict))
        else:
            yield said
