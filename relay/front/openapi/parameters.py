"""What a request may say beside its body: headers, and parts of its path."""

from __future__ import annotations

import math

from relay.front.openapi import envelopes
from relay.front.openapi.parts import Part, parameter, schema
from relay.model.ids import JOB_ID
from relay.model.settings import Settings

ID, KEY, TICKET, SLUG = "id", "key", "ticket", "slug"
PREFER, IDEMPOTENCY_KEY, SUBJECT = "Prefer", "Idempotency-Key", "Relay-Subject"
DELAY, DEADLINE, ON_DISCONNECT, NOTIFY, TRACEPARENT = (
    "Relay-Delay",
    "Relay-Deadline",
    "Relay-On-Disconnect",
    "Relay-Notify",
    "traceparent",
)

#: a key in a path; a client would take the two that are left out for folders
_PATH_KEY = r"^(?!\.{1,2}$)[^/]{1,255}$"
_HEADER_KEY = r'^([!#-~]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$'
_WAITING = (
    "How to wait (RFC 7240). `respond-async`: do not wait, 202 at once. `wait=N`: hold for N seconds at most, here up "
    "to {max_wait:g}, which is also the default. `grace=N`: seconds of silence before 200 is committed, {grace:g} by "
    "default and at most. `heartbeat=N`: seconds between heartbeats, 0 for none, {heartbeat:g} by default. `durable`: "
    "accept the job, and tell its outcome, only when a replica or the disk has it. What is unknown, malformed or not "
    "met is ignored, and not in `Preference-Applied`."
)


_NOTIFIED = (
    "Whom to notify if nobody collects the outcome, such as the token of a device. The job that is given the outcome "
    "reads it; where there is none that does, it is ignored."
)


def parameters(settings: Settings, callers: bool) -> dict[str, Part]:
    """All parameters, by the name that they are referred to with; where there are `callers`, also whom one acts for."""
    found = {
        ID: _id(),
        KEY: _key(),
        TICKET: _ticket(),
        SLUG: _slug(),
        **_waiting(settings),
        **_of_submissions(settings),
    }
    return found if callers else {name: part for name, part in found.items() if name != SUBJECT}


def of_submission(callers: bool, key_in_path: bool) -> list[Part]:
    """What a submission may say."""
    names = [PREFER, DELAY, DEADLINE, ON_DISCONNECT, NOTIFY, TRACEPARENT]
    return _referred([KEY, *names] if key_in_path else [IDEMPOTENCY_KEY, *names], callers)


def of_look(callers: bool, where: str) -> list[Part]:
    """What a look at a job may say that is found by its `where`: id, key or ticket."""
    return _referred([where, PREFER, ON_DISCONNECT], callers and where != TICKET)


def of_cancel(callers: bool) -> list[Part]:
    """What the cancel of a job may say."""
    return _referred([ID], callers)


def _referred(names: list[str], callers: bool) -> list[Part]:
    return [parameter(name) for name in (*names, *([SUBJECT] if callers else []))]


def _in_path(name: str, description: str, **schema: object) -> Part:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", **schema},
    }


def _in_header(name: str, description: str, required: bool = False, **schema: object) -> Part:
    more = {"required": True} if required else {}
    return {"name": name, "in": "header", "description": description, **more, "schema": schema}


def _id() -> Part:
    return _in_path("id", "The job's id, from `Relay-Job-Id` or the envelope.", pattern=f"^{JOB_ID.pattern}$")


def _key() -> Part:
    said = "The idempotency key: sent again it stands for the same job. It belongs to one owner and one job name."
    return _in_path("key", said, pattern=_PATH_KEY)


def _ticket() -> Part:
    return _in_path(
        "ticket", "A ticket of the server that handed this client over.", pattern=r"^[^/]{1,4000}$"
    )


def _slug() -> Part:
    return _in_path("slug", "The last part of a problem's `type`.", pattern=r"^[^/]{1,500}$")


def _waiting(settings: Settings) -> dict[str, Part]:
    limits = {name: getattr(settings, name) for name in ("max_wait", "grace", "heartbeat")}
    leaving = (
        "What happens to the job when this client goes away: it goes on, or is cancelled five seconds later unless "
        "another client waits for it."
    )
    return {
        PREFER: _in_header(PREFER, _WAITING.format(**limits), type="string"),
        ON_DISCONNECT: {**_in_header(ON_DISCONNECT, leaving), "schema": schema(envelopes.ON_DISCONNECT)},
    }


def _of_submissions(settings: Settings) -> dict[str, Part]:
    seconds: Part = {"type": "number", "minimum": 0, "maximum": math.floor(settings.max_delay)}
    key = (
        "A key of the client's choice, as a quoted string or a bare token: sent again with the same arguments it "
        "stands for the same job, and never makes a second one."
    )
    subject = "The user who owns the job, sent by a server whose token is trusted to act for others."
    return {
        IDEMPOTENCY_KEY: _in_header(
            IDEMPOTENCY_KEY, key, settings.require_key, type="string", pattern=_HEADER_KEY
        ),
        DELAY: _in_header(DELAY, "Start in so many seconds; the answer is 202 at once.", **seconds),
        DEADLINE: _in_header(
            DEADLINE,
            "So many seconds from now the job ends as `expired`: no attempt starts later, and none runs on.",
            **seconds,
        ),
        NOTIFY: _in_header(
            NOTIFY, _NOTIFIED, type="string", minLength=1, maxLength=1024, pattern=r"^[\x21-\x7e]+$"
        ),
        TRACEPARENT: _in_header(
            TRACEPARENT,
            "W3C trace context, carried to the handler; malformed ones are ignored.",
            type="string",
        ),
        SUBJECT: _in_header(SUBJECT, subject, type="string", minLength=1, maxLength=255),
    }
