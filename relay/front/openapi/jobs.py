"""One job: submit it, submit it under a key, look at it by its key."""

from __future__ import annotations

from relay.front.openapi import parameters, responses, schemas
from relay.front.openapi.envelopes import envelope
from relay.front.openapi.forms import with_formats
from relay.front.openapi.parts import JSON, Part, schema
from relay.store.messages import JobDefinition

_NOTES = {
    "once": "It never runs a second time: an attempt whose end is unknown fails as `interrupted`.",
    "durable": "It is durable: accepted, and its outcome told, only when a replica or the disk has that.",
}


class JobPart:
    """What one job adds to a document: `paths`, `schemas` and `responses` by name, and its `tag`."""

    def __init__(self, job: JobDefinition, prefix: str, callers: bool) -> None:
        self._job = job
        self._callers = callers
        self.tag = {"name": job.name, "description": _first_line(job.description)}
        self.schemas = self._schemas()
        self.responses = responses.told(job.name, self._envelope())
        at = f"{prefix}/jobs/{job.name}"
        self.paths = {
            at: {"post": self._submit()},
            f"{at}/{{key}}": {"put": self._submit_with_key(), "get": self._find()},
        }

    def _schemas(self) -> dict[str, Part]:
        job = self._job
        found = schemas.components(with_formats(job.schema), job.name, "arguments", {})
        result: Part = {}
        if job.result is not None:
            found |= schemas.components(job.result, job.name, "result", found)
            result = schema(f"{job.name}.result")
        own = {"type": "string", "const": job.name}
        return {**found, self._envelope(): envelope(own, result)}

    def _envelope(self) -> str:
        return f"{self._job.name}.envelope"

    def _submit(self) -> Part:
        return {
            **self._named("submit", ""),
            "parameters": parameters.of_submission(self._callers, key_in_path=False),
            **self._exchanged(),
        }

    def _submit_with_key(self) -> Part:
        return {
            **self._named("put", ", under a key of your choice: sent again it never makes a second job"),
            "parameters": parameters.of_submission(self._callers, key_in_path=True),
            **self._exchanged(),
        }

    def _find(self) -> Part:
        answers = responses.of_look(self._job.name, self._callers)
        return {
            "operationId": f"find_{self._job.name}",
            "tags": [self._job.name],
            "summary": f"Look at the {self._job.name} of a key, at once; with Prefer: wait=N wait for it",
            "parameters": parameters.of_look(self._callers, parameters.KEY),
            "responses": answers,
        }

    def _named(self, verb: str, how: str) -> Part:
        job = self._job
        notes = [text for name, text in _NOTES.items() if getattr(job, name)]
        said = "\n\n".join(part for part in (job.description, *notes) if part)
        return {
            "operationId": f"{verb}_{job.name}",
            "tags": [job.name],
            "summary": f"Submit {job.name}{how}",
            **({"description": said} if said else {}),
        }

    def _exchanged(self) -> Part:
        job = self._job
        body: Part = {"content": {JSON: {"schema": schema(f"{job.name}.arguments")}}}
        if schemas.arguments_are_needed(job.schema):
            body["required"] = True
        answers = responses.of_submission(job.name, self._callers, job.problems)
        return {"requestBody": body, "responses": answers}


def _first_line(text: str) -> str:
    return text.partition("\n\n")[0].replace("\n", " ")
