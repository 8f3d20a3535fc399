"""A whole description for a set of jobs, and what is kept of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Raw

from relay.front.openapi import envelopes, events, general, parameters, responses
from relay.front.openapi.jobs import JobPart
from relay.front.openapi.parts import Part
from relay.model.memo import Memo
from relay.model.settings import Settings
from relay.submitting.offer import Offer
from relay.version import VERSION

MOST_KEPT = 16  # documents: one for each set of jobs that a caller may call
_encode = msgspec.json.Encoder().encode
_SAID = """\
Plain HTTP: JSON in, JSON out. A submission is held while its job runs, and answered the moment it ends.

Read the body first; the status counts only if the body is no envelope.

1. `"complete": true`: done, whatever the status. A new try is a new key.
2. `"complete": false`: attach at `Location`, with `Prefer: wait=N`.
3. No answer, a body that is not one whole JSON object, or 429, 502, 503, 504: with a key, send the same again after
   `Retry-After` or a growing pause. Without a key, never send again.
4. Any other status is final.
"""
_SCHEMES: dict[str, Part] = {
    "Bearer": {"type": "http", "scheme": "bearer", "description": "A token of relay's, or a JWT."},
    "Basic": {"type": "http", "scheme": "basic"},
}


class EncodedJob(msgspec.Struct, frozen=True):
    """What one job adds to a document, as JSON."""

    paths: dict[str, Raw]
    schemas: dict[str, Raw]
    responses: dict[str, Raw]
    tag: Raw


class OpenApi:
    """Describes what a front with these settings serves. `schemes` are those of `Authorization` that its callers send;
    None where callers need no credentials. What is about one job is made once for its declaration, and a document
    once for its jobs."""

    def __init__(self, settings: Settings, schemes: Sequence[str] | None) -> None:
        self._settings = settings
        self._schemes = schemes
        self._jobs: WeakKeyDictionary[Offer, EncodedJob] = WeakKeyDictionary()
        self._documents: Memo[tuple[Offer, ...], bytes] = Memo(MOST_KEPT)

    def document(self, offers: Sequence[Offer]) -> bytes:
        """The description of these jobs: JSON."""
        asked = tuple(offers)
        if asked not in self._documents:
            self._documents[asked] = self._made([self._job(offer) for offer in asked])
        return self._documents[asked]

    def _job(self, offer: Offer) -> EncodedJob:
        known = self._jobs.get(offer)
        if known is None:
            part = JobPart(offer.served, self._settings.prefix, self._schemes is not None)
            known = self._jobs[offer] = EncodedJob(
                _raw(part.paths), _raw(part.schemas), _raw(part.responses), Raw(_encode(part.tag))
            )
        return known

    def _made(self, jobs: Sequence[EncodedJob]) -> bytes:
        prefix, callers = self._settings.prefix, self._schemes is not None
        described: Part = {
            "tags": [*(job.tag for job in jobs), *general.TAGS],
            "paths": {**general.paths(prefix, callers), **events.paths(prefix, callers)},
            "components": self._shared(),
            **self._security(),
        }
        for job in jobs:
            described["paths"] |= job.paths
            described["components"]["schemas"] |= job.schemas
            described["components"]["responses"] |= job.responses
        return _encode({"openapi": "3.1.0", "info": _info(_encode(described)), **described})

    def _shared(self) -> Part:
        known = parameters.parameters(self._settings, self._schemes is not None)
        shared = {
            "schemas": envelopes.schemas(),
            "parameters": {**known, **events.PARAMETERS},
            "responses": responses.responses(),
            "headers": responses.headers(),
            "links": responses.links(),
        }
        named: Part = {name: _SCHEMES[name] for name in self._schemes or () if name in _SCHEMES}
        return {**shared, "securitySchemes": named} if named else shared

    def _security(self) -> Part:
        named: list[Part] = [{name: []} for name in self._schemes or () if name in _SCHEMES]
        return {"security": named} if named else {}


def _info(described: bytes) -> Part:
    """The version tells two descriptions apart."""
    mark = hashlib.blake2b(described, digest_size=5).hexdigest()
    return {"title": "relay", "version": f"{VERSION}+{mark}", "description": _SAID}


def _raw(parts: Part) -> dict[str, Raw]:
    return {name: Raw(_encode(part)) for name, part in parts.items()}
