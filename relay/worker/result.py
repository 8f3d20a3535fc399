"""Writes a handler's result as JSON, or refuses it with the place of the fault; checks it against the declared return
type."""

from __future__ import annotations

import json
import re
from collections import UserList, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any

import msgspec

from relay.handlers.returned import declared_result
from relay.model.arguments import foreign
from relay.model.arguments.patterns import UnlikePattern, schema_for_fronts
from relay.model.problems.job import ResultNotDeclared, ResultNotJson
from relay.model.text import printable

DEEPEST = 32  # levels in which the place of a misfit is looked for
MOST_LOOKED = 1000  # parts that are looked at for it: the reactor waits meanwhile
LONGEST_PLACE = 200  # characters


def encode(value: Any) -> bytes:
    """Any value as JSON. Raises `ResultNotJson`, which says what can't be written, and where."""
    try:
        return _encode(value) if type(value) in _PLAIN else _encode_strictly(value)
    except Exception as error:
        raise ResultNotJson(_explain(value, error)) from None


class ResultType:
    """What the annotation of a function says of its result, as far as it can be said in JSON."""

    def __init__(self, function: Callable[..., Any]) -> None:
        declared = declared_result(function)
        self._class = declared if isinstance(declared, type) else None
        self._read = msgspec.json.Decoder(declared).decode
        self._decode = _syntax if declared is Any else self._read

    def encode(self, value: Any) -> bytes:
        """A result as JSON. Raises `ResultNotJson`, or `ResultNotDeclared`, with the place."""
        written = encode(value)
        if self._decode is _syntax or (self._class is not None and type(value) is self._class):
            return written
        try:
            self._decode(written)
        except msgspec.ValidationError as error:
            raise ResultNotDeclared(str(error)) from None
        return written

    def decode(self, payload: str) -> Any:
        """A result of the declared type, of its JSON; raises `ResultNotDeclared` where another version of the function
        declared another type."""
        try:
            return self._read(payload)
        except msgspec.ValidationError as error:
            raise ResultNotDeclared(str(error)) from None


def described(function: Callable[..., Any]) -> dict[str, Any] | None:
    """The JSON Schema (draft 2020-12) that a function's results fit; None where they are not checked."""
    declared = declared_result(function)
    try:
        return None if declared is Any else schema_for_fronts(msgspec.json.schema(declared))
    except UnlikePattern:  # which readers of the schema would understand otherwise
        return None


# -- writing --


def _plain(value: Any) -> Any:
    """What msgspec does not write by itself, as what it does."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):  # JSON has no such key
        return int.__index__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, deque | UserList):
        return list(value)
    return foreign.written(value)


#: what is JSON as it is written, with nothing left to check
_PLAIN = frozenset({NoneType, bool, int, str})
_encode = msgspec.json.Encoder(enc_hook=_plain).encode
_pack = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_MAYBE_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
_syntax = msgspec.json.Decoder(msgspec.Raw).decode


def _encode_strictly(value: Any) -> bytes:
    written = _encode(value)
    _syntax(written)  # what stands in a msgspec.Raw is copied as it is
    if not written.isascii():
        written.decode()
    if b"null" in written and not _is_finite(value):  # msgspec writes NaN and infinity as null
        raise ValueError("NaN and infinity can't be written as JSON")
    return written


def _is_finite(value: Any) -> bool:
    """Whether no float in `value` is NaN or infinite. MessagePack, which has these, is quickly written and searched;
    only what looks like one there is looked at more closely."""
    try:
        if not _MAYBE_NOT_FINITE.search(_pack(value)):
            return True
    except OverflowError:  # a large number, which JSON has
        pass
    try:
        json.dumps(
            msgspec.to_builtins(value, enc_hook=_plain_or_raw, str_keys=True),
            allow_nan=False,
            check_circular=False,
        )
    except ValueError:
        return False
    return True


def _plain_or_raw(value: Any) -> Any:
    return None if isinstance(value, msgspec.Raw) else _plain(value)


# -- what can't be written --


def _explain(value: Any, error: Exception) -> str:
    """What can't be written, and where: the smallest part of `value` that fails as the whole does."""
    try:
        place, part = _place(value)
        pointer = "/" + "/".join(str(name).replace("~", "~0").replace("/", "~1") for name in place)
        shown = pointer if len(pointer) <= LONGEST_PLACE else pointer[:LONGEST_PLACE] + "…"
        why = "it is nested too deeply, or in a circle" if isinstance(error, RecursionError) else _what(part)
        return printable(f"at {shown}: {why}")
    except Exception:  # an object that can't even be looked at
        return f"a value of type {type(value).__name__} can't be written as JSON"


def _place(value: Any) -> tuple[list[Any], Any]:
    place: list[Any] = []
    looked = 0
    while len(place) < DEEPEST:
        for name, member in _members(value):
            looked += 1
            if looked > MOST_LOOKED:
                return place, value
            if _is_unwritable(member):
                place.append(name)
                value = member
                break
        else:
            break
    return place, value


def _is_unwritable(value: Any) -> bool:
    try:
        _encode_strictly(value)
    except Exception:
        return True
    return False


def _members(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple | set | frozenset | deque | UserList):
        yield from enumerate(value)
    elif isinstance(value, msgspec.Struct):
        yield from ((name, getattr(value, name)) for name in value.__struct_fields__)
    elif foreign.is_foreign(type(value)) and hasattr(value, "model_dump"):
        yield from ((name, member) for name, member in vars(value).items() if not name.startswith("_"))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name, None)) for field in fields(value))


def _what(value: Any) -> str:
    if isinstance(value, float):
        return f"{float.__repr__(value)} can't be written as JSON"
    if isinstance(value, str):
        return "text with half a character (a surrogate) can't be written as JSON"
    if isinstance(value, Mapping):
        for key in value:
            if _is_unwritable({key: 0}):
                return f"a key of type {type(key).__name__} can't be written as JSON"
    return f"a value of type {type(value).__name__} can't be written as JSON"
