"""The envelope, and problems: the shapes of what relay answers (`relay.model.envelope`, `relay.model.problems`)."""

from __future__ import annotations

from relay.front.openapi.parts import Part, schema
from relay.model.ids import JOB_ID
from relay.model.names import JOB_NAME
from relay.model.state import State

ENVELOPE, JOB_PROBLEM, PROBLEM, PROBLEM_TYPE = "Envelope", "JobProblem", "Problem", "ProblemType"
STATE, PROGRESS, MISFIT, ANYTHING = "State", "Progress", "Misfit", "Anything"
ON_DISCONNECT, HEALTH, READINESS = "OnDisconnect", "Health", "Readiness"

_TIME: Part = {"type": "string", "format": "date-time"}
_COUNT: Part = {"type": "integer", "minimum": 0}
_FLAG: Part = {"type": "boolean"}


def envelope(job: Part, result: Part, error: str = JOB_PROBLEM) -> Part:
    """An envelope of a job whose name and result have these schemas."""
    members = {
        "id": {"type": "string", "pattern": f"^{JOB_ID.pattern}$"},
        "job": job,
        "state": schema(STATE),
        "complete": {**_FLAG, "description": "Whether the job has ended; else ask again at `Location`."},
        "result": result,
        "error": schema(error),
        "attempts": {**_COUNT, "description": "How many were made."},
        "created": _TIME,
        "started": _TIME,
        "finished": _TIME,
        "expires": {**_TIME, "description": "When outcome and key are deleted."},
        "elapsed_ms": {**_COUNT, "description": "Milliseconds from `created` to `finished`."},
        "position": {"type": "integer", "minimum": 1, "description": "In its queue; 1 is next."},
        "progress": schema(PROGRESS),
        "durable": {**_FLAG, "description": "`true` of a durable job."},
        "reattach": {**_FLAG, "description": "This server is going away: attach again at `Location`."},
    }
    return {"type": "object", "properties": members, "required": ["id", "job", "state", "complete"]}


def schemas() -> dict[str, Part]:
    """Those of all jobs, by name."""
    any_job = {"type": "string", "pattern": f"^{JOB_NAME.pattern}$"}
    return {
        ENVELOPE: {**envelope(any_job, {}), "description": "Where a job stands, or how it ended."},
        STATE: {
            "type": "string",
            "enum": [state.value for state in State],
            "description": "`scheduled`: delayed, or between attempts. The last four are complete.",
        },
        PROGRESS: _object(
            {"fraction": {"type": "number", "minimum": 0, "maximum": 1}, "message": {"type": "string"}},
            "What a running job has told of itself.",
        ),
        ANYTHING: {"description": "What a job's schema refers to, and does not have."},
        ON_DISCONNECT: {"type": "string", "enum": ["continue", "cancel"], "default": "continue"},
        HEALTH: _object({"alive": _FLAG}, "That a process responds."),
        READINESS: _readiness(),
        PROBLEM: _problem(),
        JOB_PROBLEM: _problem_of_job(),
        MISFIT: _object(
            {"at": {"type": "string", "description": "A path in the body."}, "detail": {"type": "string"}},
            "An argument that does not fit.",
        ),
        PROBLEM_TYPE: _object(
            {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": _status(),
                "meaning": {"type": "string", "description": "What happened, and what to do."},
            },
            "What a type of problem means.",
        ),
    }


def _object(members: dict[str, Part], description: str, required: tuple[str, ...] = ()) -> Part:
    return {
        "type": "object",
        "description": description,
        "properties": members,
        "required": list(required or members),
    }


def _readiness() -> Part:
    members = {
        "ready": _FLAG,
        "held": {**_COUNT, "description": "How many requests it holds."},
        "why": {"type": "string", "description": "Why it is not ready."},
    }
    return _object(members, "Whether a server takes work.", ("ready", "held"))


def _status() -> Part:
    return {"type": "integer", "minimum": 400, "maximum": 599}


def _members() -> dict[str, Part]:
    return {
        "type": {"type": "string", "description": "GET it to read what it means."},
        "title": {"type": "string"},
        "status": _status(),
        "detail": {"type": "string"},
    }


def _problem() -> Part:
    more: dict[str, Part] = {
        "errors": {
            "type": "array",
            "items": schema(MISFIT),
            "description": "Of `bad-arguments`: each that does not fit.",
        },
        "limit": {"type": "integer", "description": "The most that is accepted, of what is over a limit."},
        "id": {"type": "string", "description": "Of `not-durable`: the job that was taken nevertheless."},
    }
    said = "The request could not be carried out (RFC 9457)."
    return _object({**_members(), **more}, said, ("type", "title", "status"))


def _problem_of_job() -> Part:
    more: dict[str, Part] = {
        "source": {
            "type": "string",
            "enum": ["job", "relay"],
            "description": "Who says so: the handler, or relay (cancelled, expired, its worker died).",
        },
        "retryable": {**_FLAG, "description": "Whether another attempt, under a new key, may succeed."},
        "omitted": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Members that were too large to be kept.",
        },
    }
    said = "Why a job did not succeed. It may have further members, which its handler has given it."
    return _object({**_members(), **more}, said, ("type", "title", "status", "source", "retryable"))
