"""What is about any job, about tickets, and about relay itself."""

from __future__ import annotations

from relay.front.openapi import parameters, responses
from relay.front.openapi.envelopes import HEALTH, PROBLEM_TYPE, READINESS
from relay.front.openapi.events import ANY_JOB
from relay.front.openapi.parts import Part, content, parameter, response

ABOUT_RELAY = "About relay"
TAGS = [
    {"name": ANY_JOB, "description": "By its id, or by a ticket."},
    {"name": ABOUT_RELAY, "description": "What a problem means, and whether this server takes work."},
]
_NOBODY: list[Part] = []  # asked for credentials


def paths(prefix: str, callers: bool) -> dict[str, Part]:
    """The addresses that are no job's own."""
    return {
        f"{prefix}/jobs/{{id}}": {"get": _look(callers), "delete": _cancel(callers)},
        f"{prefix}/tickets/{{ticket}}": {"get": _attach()},
        f"{prefix}/problems/{{slug}}": {"get": _problem()},
        f"{prefix}/readyz": {"get": _readiness()},
        f"{prefix}/healthz": {"get": _health()},
    }


def _look(callers: bool) -> Part:
    return {
        "operationId": "get_job",
        "tags": [ANY_JOB],
        "summary": "Look at a job, at once; with Prefer: wait=N wait for it",
        "parameters": parameters.of_look(callers, parameters.ID),
        "responses": responses.of_look(responses.ANY_JOB, callers),
    }


def _cancel(callers: bool) -> Part:
    return {
        "operationId": "cancel_job",
        "tags": [ANY_JOB],
        "summary": "Cancel a job",
        "parameters": parameters.of_cancel(callers),
        "responses": responses.of_cancel(callers),
    }


def _attach() -> Part:
    return {
        "operationId": "attach_by_ticket",
        "tags": [ANY_JOB],
        "summary": "Wait for the job of a ticket, as if you had submitted it here",
        "description": "For clients that another server hands over. The ticket stands for the caller.",
        "security": _NOBODY,
        "parameters": parameters.of_look(False, parameters.TICKET),
        "responses": {**responses.of_submission(responses.ANY_JOB, False), "410": response("Failed410")},
    }


def _problem() -> Part:
    return {
        "operationId": "get_problem_type",
        "tags": [ABOUT_RELAY],
        "summary": "What a type of problem means, and what to do about it",
        "security": _NOBODY,
        "parameters": [parameter(parameters.SLUG)],
        "responses": {
            "200": {"description": "Its meaning.", "content": content(json=PROBLEM_TYPE)},
            **_refused("403", "404", "default"),
        },
    }


def _health() -> Part:
    answers = {
        "200": {"description": "It does.", "content": content(json=HEALTH)},
        **_refused("403", "default"),
    }
    return {
        "operationId": "healthz",
        "tags": [ABOUT_RELAY],
        "summary": "Whether this process responds",
        "responses": answers,
    }


def _readiness() -> Part:
    told = {"200": "It takes work.", "503": "It takes none; `why` says the reason."}
    shown = {
        status: {"description": said, "content": content(json=READINESS)} for status, said in told.items()
    }
    return {
        "operationId": "readyz",
        "tags": [ABOUT_RELAY],
        "summary": "Whether this server takes work",
        "responses": {**shown, **_refused("403", "default")},
    }


def _refused(*statuses: str) -> Part:
    return {status: response(f"Refused{responses.name(status)}") for status in statuses}
