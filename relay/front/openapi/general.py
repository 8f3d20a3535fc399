"""What is about any job, about tickets, and about relay itself."""

from __future__ import annotations

from relay.front.openapi import parameters, responses
from relay.front.openapi.envelopes import PROBLEM_TYPE
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
        f"{prefix}/readyz": {"get": _health("readyz", "Whether this server takes work", "ready", busy=True)},
        f"{prefix}/healthz": {"get": _health("healthz", "Whether this process responds", "alive")},
    }


def _look(callers: bool) -> Part:
    return {
        "operationId": "get_job",
        "tags": [ANY_JOB],
        "summary": "Look at a job, at once; with `Prefer: wait=N` wait for it",
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
            **{status: response(f"Refused{responses.name(status)}") for status in ("403", "404", "default")},
        },
    }


def _health(operation: str, summary: str, told: str, busy: bool = False) -> Part:
    shown: Part = {"type": "object", "properties": {told: {"type": "boolean"}}, "required": [told]}
    if busy:
        shown["properties"] |= {"held": {"type": "integer", "minimum": 0}, "why": {"type": "string"}}
    answers: Part = {
        "200": _health_answer("Yes.", shown),
        "403": response("Refused403"),
        "default": response("RefusedDefault"),
    }
    if busy:
        answers["503"] = _health_answer("No, and `why` not.", shown)
    return {
        "operationId": operation,
        "tags": [ABOUT_RELAY],
        "summary": summary,
        "responses": answers,
    }


def _health_answer(description: str, shown: Part) -> Part:
    return {"description": description, "content": {"application/json": {"schema": shown}}}
