"""EventsPart of a job, for a front that serves them: server-sent, or line by line."""

from __future__ import annotations

from relay.front.openapi import parameters, responses
from relay.front.openapi.parts import Part, parameter

LAST_ID, ANY_JOB = "Last-Event-ID", "Any job"
SERVER_SENT, LINES = "text/event-stream", "application/x-ndjson"
_SAID = (
    "`text/event-stream`: the first event has an `id` and no data; then come `queued`, `started`, `retrying`, "
    "`progress`, `output` (what the handler puts out), and at last `succeeded`, `failed`, `cancelled` or `expired`, "
    "whose data is the envelope. "
    "`application/x-ndjson`: a line of JSON for each output, empty lines as heartbeats, the envelope at last."
)


class EventsPart:
    """Whether a front serves events, and what that adds to its description."""

    def __init__(self, served: bool) -> None:
        self._served = served

    def paths(self, prefix: str, callers: bool) -> dict[str, Part]:
        """The addresses of events."""
        return {f"{prefix}/jobs/{{id}}/events": {"get": _listen(callers)}} if self._served else {}

    def parameters(self) -> dict[str, Part]:
        """What a request for events may say."""
        if not self._served:
            return {}
        said = "The last event that came, to go on behind it; `?last_event_id=` says the same."
        return {LAST_ID: {"name": LAST_ID, "in": "header", "description": said, "schema": {"type": "string"}}}

    def added(self, answers: dict[str, Part]) -> dict[str, Part]:
        """The answers with envelopes, which of a submission may be streams."""
        if not self._served:
            return answers
        return {
            name: {**told, "content": {**told["content"], **_streams()}} if name.endswith(".ended") else told
            for name, told in answers.items()
        }


def _streams() -> Part:
    return {
        SERVER_SENT: {"schema": {"type": "string"}},
        LINES: {"schema": {"type": "string", "description": "Lines of JSON; the last one is the envelope."}},
    }


def _listen(callers: bool) -> Part:
    found = responses.of_look(responses.ANY_JOB, callers)
    statuses = {status: found[status] for status in found if status != "202"}
    named = parameters.of_look(callers, parameters.ID)
    return {
        "operationId": "listen_to_job",
        "tags": [ANY_JOB],
        "summary": "Follow a job, event by event",
        "parameters": [*named, parameter(LAST_ID)],
        "responses": {
            **statuses,
            "200": {"description": _SAID, "content": _streams()},
            "204": {"description": "The end was delivered already."},
        },
    }
