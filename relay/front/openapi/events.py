"""Events of a job: server-sent, or line by line. A submission is told them, too, where its `Accept` says so, or 204 if
its client has the end; neither is described there, because generated clients would no longer know the envelope as the
only answer."""

from __future__ import annotations

from relay.front.openapi import parameters, responses
from relay.front.openapi.parts import Part, parameter

LAST_ID, ANY_JOB = "Last-Event-ID", "Any job"
SERVER_SENT, LINES = "text/event-stream", "application/x-ndjson"
_SAID = (
    "`text/event-stream`: the first event has an `id` and no data; then come `queued`, `started`, `retrying`, "
    "`progress`, `output` (what the handler puts out), `reset`, `gap`, and at last `succeeded`, `failed`, `cancelled` "
    "or `expired`, whose data is the envelope. "
    "`application/x-ndjson`: a line of JSON for each output, empty lines as heartbeats, the envelope at last."
)
_NOBODY: list[Part] = []  # asked for credentials
#: what a request for events, or for the next change, may say
PARAMETERS: dict[str, Part] = {
    LAST_ID: {
        "name": LAST_ID,
        "in": "header",
        "description": "The last event that came, to go on behind it; `?last_event_id=` says the same to events.",
        "schema": {"type": "string"},
    }
}


def paths(prefix: str, callers: bool) -> dict[str, Part]:
    """The addresses of events."""
    return {
        f"{prefix}/jobs/{{id}}/events": {"get": _listen(callers)},
        f"{prefix}/tickets/{{ticket}}/events": {"get": _listen_by_ticket()},
    }


def _streams() -> Part:
    return {
        SERVER_SENT: {},  # no schema says what a stream is, and each tool takes one for something else
        LINES: {"schema": {"type": "string", "description": "Lines of JSON; the last one is the envelope."}},
    }


def _listen(callers: bool) -> Part:
    return {
        "operationId": "listen_to_job",
        "summary": "Follow a job, event by event",
        **_followed(parameters.of_look(callers, parameters.ID), callers),
    }


def _listen_by_ticket() -> Part:
    return {
        "operationId": "listen_by_ticket",
        "summary": "Follow the job of a ticket, event by event",
        "security": _NOBODY,
        **_followed(parameters.of_look(False, parameters.TICKET), False),
    }


def _followed(named: list[Part], callers: bool) -> Part:
    told = {
        "200": {"description": _SAID, "content": _streams()},
        "204": {"description": "The end was delivered already."},
    }
    return {
        "tags": [ANY_JOB],
        "parameters": [*named, parameter(LAST_ID)],
        "responses": {**responses.of_look(responses.ANY_JOB, callers), **told},
    }
