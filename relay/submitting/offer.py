"""A job that can be submitted: the check of its arguments, and their meaning for keys and limits.

Arguments are accepted if they fit the schema that clients see, and decode to the types that the worker has.
"""

from __future__ import annotations

import hashlib
import re
from codecs import BOM_UTF8
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec
from msgspec import UNSET

from relay.model.arguments import schema
from relay.model.arguments.decoding import ArgumentsType
from relay.model.digests import unique_digest
from relay.model.job import JobTemplate
from relay.model.problems.request import BadArguments, MalformedBody
from relay.store.messages import JobDefinition, LimitDefinition, UniqueDefinition
from relay.submitting.meaning import canonical, with_whole_numbers

MOST_NESTED = 100  # arrays and objects within each other; the workers' decoders take far more
MOST_VALUES = 30_000  # of a body: so many are read, and then compared, in less than 50 ms each
_TOO_DEEP = f"the body is nested more than {MOST_NESTED} levels deep"
_MOST_ERRORS = 20  # misfits named in one answer
_SHORT = 4096  # bytes of a body of which all misfits are found
_NOT_AS_DECLARED = "it does not fit the job's declaration"
_LONGEST = 200  # characters of a misfit's place, and of what is said of it
_LONGEST_PLACE = 4096  # characters of a place as msgspec says it

#: a text, or one that has no end: without going back, for else quotes without end take quadratic time
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_VALUE = re.compile(r"(Invalid \w+ value|Invalid value) .*", re.DOTALL)  # what was sent is not said again
_PLACE = re.compile(r"(?:`(key)` in )?`\$(.*)`", re.DOTALL)
#: what decoding raises for arguments that do not fit (a `TypeError`: for what can't be in a set)
_UNFIT = (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError, OverflowError, RecursionError)


class Arguments(msgspec.Struct, frozen=True, gc=False):
    """Arguments that fit: as JSON text for the worker, and decoded."""

    text: str
    values: Any


class Offer:
    """A job that can be submitted. The constructor raises whatever a senseless declaration causes."""

    def __init__(self, served: JobDefinition) -> None:
        self.served = served
        self._template = served.template()
        unique = served.unique or UniqueDefinition()
        #: for how long others are given its success, and for how long it is held back: ms
        self.fresh, self.debounce = unique.fresh, unique.debounce
        self._validator = schema.validator(served.schema)
        self._type = schema.decoder(served.schema)
        described = schema.of_arguments(served.schema)
        self._names = frozenset(described.get("properties", ()))
        self._is_complete = described.get("additionalProperties") is False  # there are no other arguments

    def is_for(self, local: bool) -> bool:
        """Whether clients may know of it: those on this machine (`local`), or elsewhere."""
        return not self.served.internal and (local or not self.served.local)

    def read(self, body: bytes) -> Arguments:
        """The arguments in a body. Raises `MalformedBody`, or `BadArguments` with each misfit."""
        body = body.removeprefix(BOM_UTF8).strip() or b"{}"
        generic = _decode(body)
        if not self._validator.is_valid(generic):
            raise BadArguments(errors=self._misfits(generic, body))
        if self._type is None:
            return Arguments(body.decode(), generic)
        try:
            return Arguments(body.decode(), self._type.decode(body))
        except _UNFIT as error:
            return self._second_try(self._type, generic, error)

    def _second_try(self, type: ArgumentsType, generic: Any, refused: Exception) -> Arguments:
        """For JSON Schema 7.0 is an integer, and some clients write all numbers so."""
        body = msgspec.json.encode(with_whole_numbers(generic))
        try:
            return Arguments(body.decode(), type.decode(body))
        except _UNFIT:
            raise BadArguments(errors=[_named(str(refused))]) from refused

    def fingerprint(self, arguments: Arguments) -> str:
        """A digest that is equal for arguments with the same meaning, however they are written, and whether or not a
        default value is given."""
        given = self._type.given(arguments.values) if self._type else arguments.values
        return hashlib.blake2b(canonical(given), digest_size=15).hexdigest()

    def unique(self, owner: str, arguments: Arguments) -> str:
        """A digest that is equal for jobs of one owner that are the same as the job declares it; "" where none is."""
        declared = self.served.unique
        if declared is None:
            return ""
        if not declared.by:
            return unique_digest(owner, self.served.name, self.fingerprint(arguments))
        compared = {name: self._value(arguments, name) for name in declared.by}
        given = {name: value for name, value in compared.items() if value is not UNSET}
        return unique_digest(owner, self.served.name, canonical(given).decode())

    def template(self, arguments: Arguments) -> JobTemplate:
        """How a job with these arguments is queued and run."""
        limit = self.served.limit
        if limit is None:
            return self._template
        return msgspec.structs.replace(self._template, lane=self._lane(arguments, limit))

    def _lane(self, arguments: Arguments, limit: LimitDefinition) -> str:
        """Where it waits, as its starts are limited."""
        value = self._value(arguments, limit.per) if limit.per else UNSET
        if value is UNSET:
            return limit.lane()
        return limit.lane(hashlib.blake2b(canonical(value), digest_size=10).hexdigest())

    def _value(self, arguments: Arguments, name: str) -> Any:
        if self._type is None:
            return arguments.values.get(name, UNSET)
        return self._type.value(arguments.values, name)

    def _misfits(self, arguments: dict[str, Any], body: bytes) -> list[dict[str, str]]:
        """The first misfits of a short body; of a long one those of one kind: the validator makes all before it gives
        one, and each with a copy of what does not fit."""
        names = (name for name in arguments if name not in self._names) if self._is_complete else ()
        unknown = [_misfit(f"/{name}", "there is no such argument") for name in islice(names, _MOST_ERRORS)]
        if len(body) > _SHORT:
            return unknown or [self._first_misfit(arguments, body)]
        errors = islice(self._validator.iter_errors(arguments), _MOST_ERRORS)
        others = [_of(error) for error in errors if not (unknown and _is_of_names(error))]
        return (unknown + others)[:_MOST_ERRORS]

    def _first_misfit(self, arguments: dict[str, Any], body: bytes) -> dict[str, str]:
        """Of a long body. The validator is only asked whether: where there are alternatives it has many reasons."""
        try:
            if self._type is not None:
                self._type.decode(body)
        except _UNFIT as error:
            return _named(str(error))
        for name, value in arguments.items():
            if not schema.validator_of(self.served.schema, name).is_valid(value):
                return _misfit(f"/{name}", _NOT_AS_DECLARED)
        return _misfit("", _NOT_AS_DECLARED)


def _decode(body: bytes) -> dict[str, Any]:
    if len(body) >= MOST_VALUES and _has_too_many_values(body):
        raise MalformedBody(f"the body has more than {MOST_VALUES} values")
    try:
        arguments = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise MalformedBody(str(error)) from error
    except RecursionError as error:
        raise MalformedBody(_TOO_DEEP) from error
    if not isinstance(arguments, dict):
        raise MalformedBody("the body is JSON, but not an object")
    if len(body) > 2 * MOST_NESTED and _is_too_deep(body, arguments):
        raise MalformedBody(_TOO_DEEP)
    return arguments


def _has_too_many_values(body: bytes) -> bool:
    """Each value stands behind a comma, or is the first behind a bracket; not all of these are within texts."""
    if _values(body) < MOST_VALUES:
        return False
    texts = (body.count(b'"') - body.count(b'\\"')) // 2
    return texts > 2 * MOST_VALUES or _values(_TEXTS.sub(b"", body)) >= MOST_VALUES


def _values(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def _is_too_deep(body: bytes, arguments: dict[str, Any]) -> bool:
    if body.count(b"[") + body.count(b"{") <= MOST_NESTED:
        return False
    level: list[Any] = [arguments]
    for _ in range(MOST_NESTED):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _is_of_names(error: jsonschema_rs.ValidationError) -> bool:
    """Whether it says that there are arguments which are not known."""
    return not error.instance_path and error.schema_path[-1:] == ["additionalProperties"]


def _of(error: jsonschema_rs.ValidationError) -> dict[str, str]:
    return _misfit("/".join(("", *map(str, error.instance_path))), error.message)


def _misfit(at: str, detail: str) -> dict[str, str]:
    """A misfit as it is shown: its place, as a path in the body, and what is wrong there; both are cut."""
    return {"at": _cut(at), "detail": _cut(detail)}


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _named(said: str) -> dict[str, str]:
    """What msgspec says of a misfit and its place."""
    detail, _, where = said.rpartition(" - at ")
    place = _PLACE.fullmatch(where[:_LONGEST_PLACE])
    if not place:
        return _misfit("", _VALUE.sub(r"\1", said))
    at = re.sub(r"\.|\[", "/", place[2]).replace("]", "")
    detail = _VALUE.sub(r"\1", detail).replace("`", "")
    return _misfit(at, ("key: " if place[1] else "") + detail)
