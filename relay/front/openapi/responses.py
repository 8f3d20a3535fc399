"""What a request is answered with, by status. ``docs/http.md`` has the same for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from relay.front.answers import KEPT_INSIDE
from relay.front.openapi.envelopes import ENVELOPE, PROBLEM
from relay.front.openapi.parts import Part, content, header, response
from relay.model.problems.registry import ProblemType

ANY_JOB = "Any"  # in place of a job's name
#: what each status is about, where no job has failed with it; the docs' table has the same rows
_SAID = {
    "400": "A header, the path or the body is malformed (`malformed`, `malformed-body`), or a key is required "
    "(`key-required`). `detail` says what.",
    "401": "No credentials, or some that are not valid (`unauthorized`).",
    "403": "This caller may not call the job (`job-not-allowed`), or nobody like it may call (`forbidden`).",
    "404": "No such job, or not this owner's (`unknown-job`, `no-such-job`); outcomes are deleted some time after the "
    "end.",
    "409": "A job that has ended can't be cancelled (`already-complete`).",
    "410": "The store may have lost data since the id was made, and does not know the job (`store-reset`).",
    "413": "The body is over the limit (`too-large`).",
    "415": "The body is not JSON, or compressed (`not-json`).",
    "422": "The arguments do not fit, and `errors` names each misfit (`bad-arguments`); or the key was used with other "
    "arguments (`key-reused`).",
    "429": "Over this caller's limits (`rate-exceeded`, `too-many-queued`), or too many failed attempts to log in "
    "(`too-many-failures`).",
    "500": "An unexpected error (`internal-error`).",
    "503": "Not now (`store-away`, `no-worker`, `queue-full`, `store-full`, `keys-away`, `callers-away`), or not "
    "durable yet (`not-durable`). Send the same again after `Retry-After`.",
    "default": "Any other problem.",
}
_FAILED = " Or the job ended so: the body is its envelope (`application/json`)."
_ENDED = (
    "The job has ended, or the answer was committed before that and the envelope says where it stands: read `complete` "
    "and `state`. The envelope may come after line breaks, one for each heartbeat."
)
_ACCEPTED = "Accepted, and not done. Attach at `Location`."
_CANCELLED = "The job was cancelled: the body is its envelope."
_MAY_FAIL = frozenset({"400", "403", "404", "410", "413", "415", "422", "500", "default"})
_HEADERS = {
    "429": ("Retry-After", "RateLimit-Policy", "RateLimit"),
    "503": ("Retry-After",),
    "401": ("WWW-Authenticate",),
}
_OF_SUBMISSIONS = ("400", "403", "404", "413", "415", "422", "500", "503", "default")
_OF_LOOKS = ("400", "403", "404", "410", "500", "503", "default")
_OF_CALLERS = ("401", "429")
LOOK, CANCEL = "Look", "Cancel"
_LINKED: Part = {"links": {name: {"$ref": f"#/components/links/{name}"} for name in (LOOK, CANCEL)}}
_ABOUT_JOB = ("Relay-Job-Id", "Location", "Relay-Source")


def headers() -> dict[str, Part]:
    """All headers of answers, by name."""
    said = {
        "Relay-Job-Id": "The job's id.",
        "Location": "The job's address: attach or look there.",
        "Relay-Outcome": "`in-body`: the answer was committed before the job ended, so its status does not show how.",
        "Relay-Source": "`job`: the body is an envelope. `relay`: it is a problem of relay's.",
        "Preference-Applied": "The preferences that were met.",
        "Idempotency-Replayed": "`true`: the stored outcome of an earlier submission with this key.",
        "WWW-Authenticate": "Which credentials are accepted.",
        "RateLimit-Policy": "The limit (draft-ietf-httpapi-ratelimit-headers).",
        "RateLimit": "What is left of it.",
    }
    found = {name: {"description": text, "schema": {"type": "string"}} for name, text in said.items()}
    seconds: Part = {"type": "integer", "minimum": 1}
    return {
        **found,
        "Retry-After": {"description": "Seconds until the next try makes sense.", "schema": seconds},
    }


def responses() -> dict[str, Part]:
    """All answers that are the same for each job, ``Refused…`` and, where a job may have failed, ``Failed…``."""
    refused = {f"Refused{name(status)}": _refused(status) for status in _SAID}
    failed = {f"Failed{name(status)}": _failed(status) for status in sorted(_MAY_FAIL)}
    return {**refused, **failed, "Failed409": _cancelled(), **told(ANY_JOB, ENVELOPE)}


def told(job: str, envelope: str) -> dict[str, Part]:
    """The answers with the envelope of a job, whose schema this is, by name."""
    more = ("Preference-Applied", "Idempotency-Replayed")
    ended, accepted = _names(job)
    return {
        ended: {**_with_envelope(envelope, _ENDED, (*_ABOUT_JOB, "Relay-Outcome", *more)), **_LINKED},
        accepted: {**_with_envelope(envelope, _ACCEPTED, (*_ABOUT_JOB, "Retry-After", *more)), **_LINKED},
    }


def links() -> dict[str, Part]:
    """Where an envelope leads to, by name."""
    id = {"id": "$response.body#/id"}
    return {
        LOOK: {"operationId": "get_job", "parameters": id, "description": "Where the job stands."},
        CANCEL: {"operationId": "cancel_job", "parameters": id},
    }


def name(status: str) -> str:
    """A status in the name of a component."""
    return status.capitalize()


def of_submission(job: str, callers: bool, problems: Iterable[ProblemType] = ()) -> Part:
    """The answers to a submission of this job; `problems` are those that its handler declares."""
    found = {**_told(job), **_shared(_OF_SUBMISSIONS, callers, _MAY_FAIL), "409": response("Failed409")}
    for status, declared in _by_status(problems).items():
        found[status] = _declared(status, declared)
    return {status: found[status] for status in sorted(found)}


def of_look(job: str, callers: bool) -> Part:
    """The answers to a look at this job, or to whoever waits for it."""
    return {**_told(job), **_shared(_OF_LOOKS, callers)}


def of_cancel(callers: bool) -> Part:
    """The answers to a cancel."""
    return {**_told(ANY_JOB), **_shared((*_OF_LOOKS, "409"), callers)}


def _told(job: str) -> Part:
    ended, accepted = _names(job)
    return {"200": response(ended), "202": response(accepted)}


def _names(job: str) -> tuple[str, str]:
    return f"{job}.ended", f"{job}.accepted"


def _shared(statuses: Iterable[str], callers: bool, failing: Collection[str] = ()) -> Part:
    return {
        status: response(f"{'Failed' if status in failing else 'Refused'}{name(status)}")
        for status in sorted({*statuses, *(_OF_CALLERS if callers else ())})
    }


def _with_envelope(envelope: str, description: str, told: Iterable[str]) -> Part:
    return {"description": description, "headers": _headers(told), "content": content(json=envelope)}


def _headers(names: Iterable[str]) -> Part:
    return {each: header(each) for each in names}


def _refused(status: str) -> Part:
    told = ("Relay-Source", *_HEADERS.get(status, ()))
    return {"description": _SAID[status], "headers": _headers(told), "content": content(problem=PROBLEM)}


def _failed(status: str) -> Part:
    # generators that read one kind alone take the first: of a 500 jobs are the usual reason
    shown = (
        content(json=ENVELOPE, problem=PROBLEM)
        if status == "500"
        else content(problem=PROBLEM, json=ENVELOPE)
    )
    return {**_refused(status), "description": _SAID[status] + _FAILED, "content": shown}


def _cancelled() -> Part:
    return _with_envelope(ENVELOPE, _CANCELLED, _ABOUT_JOB)


def _by_status(problems: Iterable[ProblemType]) -> dict[str, list[ProblemType]]:
    """By the status that a submission is answered with."""
    found: dict[str, list[ProblemType]] = {}
    for each in problems:
        found.setdefault("500" if each.status in KEPT_INSIDE else str(each.status), []).append(each)
    return found


def _declared(status: str, problems: Iterable[ProblemType]) -> Part:
    lines = ["The job failed, and the body is its envelope (`application/json`) with one of these:\n"]
    lines += [f"- `{each.slug}` ({each.title}): {each.meaning}" for each in problems]
    if status not in _SAID:
        return _with_envelope(ENVELOPE, "\n".join(lines), _ABOUT_JOB)
    return {**_failed(status), "description": "\n".join([*lines, "", f"Otherwise: {_SAID[status]}"])}
