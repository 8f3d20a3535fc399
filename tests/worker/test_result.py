"""What handlers return, as JSON."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import threading
from collections import OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from collections.abc import Awaitable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypedDict

import msgspec
import pytest
from msgspec import UNSET, Meta, Raw, UnsetType
from twisted.internet.defer import Deferred

from relay.model.problems.job import ResultNotDeclared, ResultNotJson
from relay.worker.result import ResultType, encode

NAN = float("nan")
Pair = namedtuple("Pair", "a b")


class Text(str):
    def __str__(self) -> str:
        return "something else"


class Number(int): ...


class Real(float): ...


class Letter(enum.Enum):
    A = "a"
    NAN = NAN


@dataclass
class Box:
    width: Any
    height: Any = 2


class Place(msgspec.Struct):
    name: Any
    near: Any | UnsetType = UNSET


class Row(TypedDict):
    width: int


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Text("a"), "a"),
        ([Number(5), Real(1.5)], [5, 1.5]),
        (deque([1, 2]), [1, 2]),
        (UserList([1]), [1]),
        ((Pair(1, 2), frozenset([3])), [[1, 2], [3]]),
        (MappingProxyType({"a": deque()}), {"a": []}),
        ([UserDict(a=1), OrderedDict(a=1), defaultdict(int, a=1)], [{"a": 1}] * 3),
        ({1: "i", 1.5: "f", Letter.A: "e", Text("t"): "s"}, {"1": "i", "1.5": "f", "a": "e", "t": "s"}),
        ([None, True, -0.0, 2**200, 2**53 + 1], [None, True, -0.0, 2**200, 2**53 + 1]),
        ("a\x00b\x7f\u2028 👩‍👩‍👧", "a\x00b\x7f\u2028 👩‍👩‍👧"),
        ([b"a", datetime.date(2026, 1, 1), decimal.Decimal("1.50")], ["YQ==", "2026-01-01", "1.50"]),
        (
            [Box(1), Place("x"), Place("x", near=None)],
            [{"width": 1, "height": 2}, {"name": "x"}, {"name": "x", "near": None}],
        ),
        ([Raw(b'{"null": null}'), None], [{"null": None}, None]),
        (["null", float("1e308")], ["null", 1e308]),
        ([None, 2**200], [None, 2**200]),
        ([None, "\u02ff\U0001f000" * 100, b"\xcb\x7f\xf8"], [None, "\u02ff\U0001f000" * 100, "y3/4"]),
    ],
)
def test_what_can_be_written(value: Any, written: Any) -> None:
    assert json.loads(encode(value)) == written


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (threading.Lock(), "at /: a value of type lock can't be written"),
        ({"a": [threading.Lock()]}, "at /a/0: a value of type lock can't be written"),
        ({"prices": [1.0, 2.0, None, NAN]}, "at /prices/3: nan can't be written"),
        ([Real("inf")], "at /0: inf can't be written"),
        ([2**200, NAN], "at /1: nan can't be written"),
        ([Box(float("-inf"))], "at /0/width: -inf can't be written"),
        (Place([None, Letter.NAN]), "at /name/1: a value of type Letter can't"),
        ({"names": ["a", "\ud800"]}, "at /names/1: text with half a character"),
        ({"caf\udce9": 1}, "at /: a key of type str can't"),
        ({"caf\udce9": {1}, "a/b": {"c~d": [1j]}}, "at /a~1b/c~0d/0: a value of type complex"),
        ({"a": {None: 1}}, "at /a: a key of type NoneType can't"),
        ({True: 1}, "at /: a key of type bool can't"),
        ({(1, 2): 1}, "at /: a key of type tuple can't"),
        ([UNSET], "at /0: a value of type UnsetType can't"),
        ([Raw(b"{")], "at /0: a value of type Raw can't"),
        ([Raw(b'"\xff"')], "at /0: a value of type Raw can't"),
        (Raw(b""), "at /: a value of type Raw can't"),
        ((n for n in ()), "at /: a value of type generator can't"),
        ([ValueError("returned")], "at /0: a value of type ValueError can't"),
        (CIRCLE, "it is nested too deeply, or in a circle"),
        (DEEP, "it is nested too deeply, or in a circle"),
        ({"x" * 1000: [NAN]}, "xxx…: nan can't be written"),
    ],
)
def test_what_can_not_be_written_is_named_with_its_place(value: Any, why: str) -> None:
    with pytest.raises(ResultNotJson) as caught:
        encode(value)
    assert why in caught.value.detail
    assert len(caught.value.detail) < 400


class Hostile:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("not to be looked at")


def test_what_can_not_even_be_looked_at_is_refused_too() -> None:
    with pytest.raises(ResultNotJson):
        encode([Hostile()])


# -- what was declared --


def returning(annotation: Any) -> ResultType:
    def function() -> None: ...

    function.__annotations__["return"] = annotation
    return ResultType(function)


FITS = [
    (int, 5),
    (float, 5),
    (str, Text("a")),
    (Letter, Letter.A),
    (None, None),
    (Any, {1: 2}),
    (object, {1: 2}),
    (Box, Box("any", "thing")),
    (list[Box], [Box(1)]),
    (Place, Place("x")),
    (Row, {"width": 1, "more": 2}),
    (dict[str, Any], {"a": NAN is None}),
    (tuple[int, str], (1, "a")),
    (set[int], {1}),
    (bytes, b"a"),
    (datetime.datetime, datetime.datetime(2026, 1, 1)),
    (decimal.Decimal, decimal.Decimal(1)),
    (int | None, None),
    (Deferred[int], 5),
    (Awaitable[int], 5),
    (Deferred, "anything"),
    ("int", 5),
    ("list[NotDefinedWhenItRuns]", 5),  # cannot be known
    (threading.Thread, "a class that msgspec does not know"),
]


@pytest.mark.parametrize(("annotation", "value"), FITS)
def test_what_fits_its_declaration_is_written(annotation: Any, value: Any) -> None:
    assert returning(annotation).encode(value) == encode(value)


@pytest.mark.parametrize(
    ("annotation", "value", "why"),
    [
        (int, "x", "Expected `int`, got `str`"),
        (Deferred[int], "x", "Expected `int`, got `str`"),
        ("int", "x", "Expected `int`, got `str`"),
        (None, 5, "Expected `null`, got `int`"),
        (list[int], [1, "x"], "Expected `int`, got `str` - at `$[1]`"),
        (Row, {"width": "x"}, "at `$.width`"),
        (list[Row], [{}], "missing required field `width` - at `$[0]`"),
        (Annotated[int, Meta(ge=1)], 0, ">= 1"),
        (Box, 5, "Expected `object`, got `int`"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(annotation: Any, value: Any, why: str) -> None:
    with pytest.raises(ResultNotDeclared) as caught:
        returning(annotation).encode(value)
    assert why in caught.value.detail


def test_a_function_that_declares_nothing_returns_anything() -> None:
    assert ResultType(lambda: None).encode("x") == b'"x"'
    assert ResultType(len).encode("x") == b'"x"'
