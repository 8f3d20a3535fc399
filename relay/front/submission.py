"""Reads a submission from its request: values only, without decisions."""

from __future__ import annotations

import re

import msgspec

from relay.front.wait_request import WaitRequest
from relay.http.request import Request
from relay.model.addresses import is_notify
from relay.model.caller import Caller
from relay.model.problems.request import Malformed
from relay.serving.json_body import check_json

_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"')
_BARE = re.compile(r"[\x21\x23-\x7e]+")
_KEY_LIMIT = 255  # characters
_SECONDS = re.compile(r"\d{1,30}(\.\d{1,30})?([eE][+-]?\d{1,3})?")  # a number as programs write it
_HEADERS = frozenset({"idempotency-key", "relay-delay", "relay-deadline", "relay-notify", "traceparent"})
_LEAST = 0.001  # seconds: what is less counts as this
_TRACE = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class SubmitRequest(msgspec.Struct, frozen=True, gc=False):
    """A submission, as the client sent it. `delay` and `deadline` are seconds from now, 0 for none."""

    caller: Caller
    name: str
    body: bytes
    key: str
    wait: WaitRequest
    delay: float = 0
    deadline: float = 0
    trace: str = ""
    notify: str = ""  # whom, if nobody collects the outcome; "" for nobody


def read_submission(request: Request, caller: Caller, name: str, key: str, longest: float) -> SubmitRequest:
    """Read a submission, whose delay and deadline may have so many seconds; raises `Malformed`, `NotJson`."""
    check_json(request)
    wait = WaitRequest.read(request)
    if not key and request.headers.keys().isdisjoint(_HEADERS):
        return SubmitRequest(caller, name, request.body, "", wait)
    return SubmitRequest(
        caller=caller,
        name=name,
        body=request.body,
        key=check_key(key) if key else _key(request),
        wait=wait,
        delay=_seconds(request, "Relay-Delay", longest),
        deadline=_seconds(request, "Relay-Deadline", longest),
        trace=_trace(request.header("traceparent")),
        notify=check_notify(request.header("relay-notify")) if "relay-notify" in request.headers else "",
    )


def check_key(key: str) -> str:
    """The key, if it is short enough; raises `Malformed`."""
    if len(key) > _KEY_LIMIT:
        raise Malformed(f"the key has {len(key)} characters, more than {_KEY_LIMIT}")
    return key


def check_notify(notify: str) -> str:
    """Whom to notify, if that can be sent; raises `Malformed`."""
    if not is_notify(notify):
        raise Malformed("Relay-Notify must be 1 to 1024 visible ASCII characters without spaces")
    return notify


def _key(request: Request) -> str:
    field = request.header("idempotency-key")
    if not field and not request.values("idempotency-key"):
        return ""
    quoted = _QUOTED.fullmatch(field)
    if quoted:
        return check_key(re.sub(r'\\(["\\])', r"\1", quoted[1]))
    if not _BARE.fullmatch(field):
        raise Malformed('Idempotency-Key is neither a quoted string nor a token: send "…" with visible ASCII')
    return check_key(field)


def _seconds(request: Request, name: str, longest: float) -> float:
    key = name.lower()
    if key not in request.headers:
        return 0
    field = request.header(key)
    if not _SECONDS.fullmatch(field) or float(field) > longest:
        raise Malformed(f"{name} must be a number of seconds up to {longest:.0f}, not {field[:50]!r}")
    seconds = float(field)
    return max(seconds, _LEAST) if seconds else 0


def _trace(field: str) -> str:
    return field if _TRACE.fullmatch(field) else ""
