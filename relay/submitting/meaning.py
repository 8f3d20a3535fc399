"""The meaning of arguments, however they are written: keys, limits and what is unique go by it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_EXACT = 2.0**53  # floats below are as exact as integers
_WHOLE_FLOAT = re.compile(rb"\d\.0[,\]}]|\d\.0$|\de")
_AS_THEY_ARE = (int, str, bool, type(None))


def canonical(value: Any) -> bytes:
    """JSON that is the same for what is the same: keys and sets in order, 7.0 as 7."""
    try:
        plain = msgspec.to_builtins(value, str_keys=True, order="sorted")
    except TypeError:  # a set of this and that, which has no order
        plain = msgspec.to_builtins(_with_lists(value), str_keys=True)
    text = msgspec.json.encode(plain, order="sorted")
    if not _WHOLE_FLOAT.search(text):
        return text
    return msgspec.json.encode(with_whole_numbers(msgspec.json.decode(text)), order="sorted")


def _with_lists(value: Any) -> Any:
    """With a list in place of each set, in the order of its items' JSON."""
    if isinstance(value, msgspec.Struct):
        return {type(value).__name__: _with_lists(msgspec.structs.asdict(value))}
    if isinstance(value, dict):
        return {key: _with_lists(each) for key, each in value.items()}
    if isinstance(value, frozenset):
        return sorted((_with_lists(each) for each in value), key=msgspec.json.encode)
    return [_with_lists(each) for each in value] if isinstance(value, tuple | list) else value


def with_whole_numbers(value: Any) -> Any:
    """The same, with an integer in place of each float that is one, where floats are exact."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    if isinstance(value, dict):
        return {
            key: each if type(each) in _AS_THEY_ARE else with_whole_numbers(each)
            for key, each in value.items()
        }
    if isinstance(value, list):
        return [each if type(each) in _AS_THEY_ARE else with_whole_numbers(each) for each in value]
    return value
