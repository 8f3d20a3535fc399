"""A job that can be submitted: the check of its arguments, and what they count for.

Arguments are taken that fit the schema which clients are shown, and that decode to the types which the worker has.
"""

from __future__ import annotations

import hashlib
import re
from codecs import BOM_UTF8
from typing import Any

import msgspec
from msgspec import UNSET

from relay.arguments import schema
from relay.arguments.decoding import ArgumentsType
from relay.errors import BadArguments, MalformedBody
from relay.store.messages import Served

MOST_NESTED = 100  # arrays and objects within each other; the workers' decoders take far more
_TOO_DEEP = f"the body is nested more than {MOST_NESTED} levels deep"
_MOST_ERRORS = 20  # misfits named in one answer
_EXACT = 2.0**53  # floats below are as exact as integers

_WHOLE_FLOAT = re.compile(rb"\d\.0[,\]}]|\d\.0$|\de")
_PLACE = re.compile(r"(.*) - at (?:`(key)` in )?`\$(.*)`", re.DOTALL)
#: what decoding raises for arguments that do not fit (a `TypeError`: for what can't be in a set)
_UNFIT = (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError, OverflowError, RecursionError)


class Arguments(msgspec.Struct, frozen=True, gc=False):
    """Arguments that fit: as JSON text for the worker, and decoded."""

    text: str
    values: Any


class Offer:
    """A job that can be submitted. Making one raises whatever comes of an entry that makes no sense."""

    def __init__(self, served: Served) -> None:
        self.served = served
        self._validator = schema.validator(served.schema)
        self._type = schema.decoder(served.schema)

    def read(self, body: bytes) -> Arguments:
        """The arguments in a body; raises `MalformedBody`, `BadArguments` with each misfit named."""
        body = body.removeprefix(BOM_UTF8).strip() or b"{}"
        generic = _decode(body)
        if not self._validator.is_valid(generic):
            raise BadArguments(errors=self._misfits(generic))
        if self._type is None:
            return Arguments(body.decode(), generic)
        try:
            return Arguments(body.decode(), self._type.decode(body))
        except _UNFIT as error:
            return self._second_try(self._type, generic, error)

    def _second_try(self, type: ArgumentsType, generic: Any, refused: Exception) -> Arguments:
        """For JSON Schema 7.0 is an integer, and some clients write all numbers so."""
        body = msgspec.json.encode(_with_whole_numbers(generic))
        try:
            return Arguments(body.decode(), type.decode(body))
        except _UNFIT:
            raise BadArguments(errors=[_misfit(str(refused))]) from refused

    def fingerprint(self, arguments: Arguments) -> str:
        """The same for arguments that mean the same: however they are written down, and whether or not one is given
        that has its default value."""
        given = self._type.given(arguments.values) if self._type else arguments.values
        return hashlib.blake2b(_canonical(given), digest_size=15).hexdigest()

    def lane(self, arguments: Arguments) -> str:
        """Where a job with these arguments waits, if its starts are limited; "" if not."""
        limit = self.served.limit
        if limit is None:
            return ""
        value = self._value(arguments, limit.per) if limit.per else UNSET
        if value is UNSET:
            return f"@{limit.name}"
        return f"@{limit.name} {hashlib.blake2b(_canonical(value), digest_size=10).hexdigest()}"

    def _value(self, arguments: Arguments, name: str) -> Any:
        if self._type is None:
            return arguments.values.get(name, UNSET)
        return self._type.value(arguments.values, name)

    def _misfits(self, arguments: Any) -> list[dict[str, str]]:
        misfits = []
        for error in self._validator.iter_errors(arguments):
            misfits.append({"at": "/".join(("", *map(str, error.instance_path))), "detail": error.message})
            if len(misfits) == _MOST_ERRORS:
                break
        return misfits


def _decode(body: bytes) -> dict[str, Any]:
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


def _canonical(value: Any) -> bytes:
    """JSON that is the same for what is the same: keys and sets in order, 7.0 as 7."""
    try:
        plain = msgspec.to_builtins(value, str_keys=True, order="sorted")
    except TypeError:  # a set of this and that, which has no order
        plain = msgspec.to_builtins(_with_lists(value), str_keys=True)
    text = msgspec.json.encode(plain, order="sorted")
    if not _WHOLE_FLOAT.search(text):
        return text
    return msgspec.json.encode(_with_whole_numbers(msgspec.json.decode(text)), order="sorted")


def _with_lists(value: Any) -> Any:
    """With a list in place of each set, in the order of its items' JSON."""
    if isinstance(value, msgspec.Struct):
        return {type(value).__name__: _with_lists(msgspec.structs.asdict(value))}
    if isinstance(value, dict):
        return {key: _with_lists(each) for key, each in value.items()}
    if isinstance(value, frozenset):
        return sorted((_with_lists(each) for each in value), key=msgspec.json.encode)
    return [_with_lists(each) for each in value] if isinstance(value, tuple | list) else value


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, dict):
        return {key: _with_whole_numbers(each) for key, each in value.items()}
    return [_with_whole_numbers(each) for each in value] if isinstance(value, list) else value


def _misfit(said: str) -> dict[str, str]:
    """What msgspec says of a misfit and its place, as `Offer.read` shows it."""
    match = _PLACE.fullmatch(said)
    if not match:
        return {"at": "", "detail": said}
    at = re.sub(r"\.|\[", "/", match[3]).replace("]", "")
    return {"at": at, "detail": ("key: " if match[2] else "") + match[1].replace("`", "")}
