"""Fronts and workers agree about arguments: what a front takes, its worker decodes."""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from relay.handlers.declare import HandlerError
from relay.model.arguments.patterns import UnlikePattern, for_fronts
from relay.model.arguments.schema import validator
from relay.model.problems.request import BadArguments, MalformedBody
from relay.submitting.offer import MOST_NESTED
from relay.worker.result import encode
from tests.model.arguments.sides import NOTHING, decoded, handler_of, offer_of, taken


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


class Point(NamedTuple):
    x: int
    y: float = 0.5


class Options(TypedDict, total=False):
    n: int
    text: str


@dataclass(frozen=True)
class Box:
    width: Annotated[int, Meta(ge=1)]
    tags: tuple[str, ...] = field(default_factory=tuple)
    inner: Box | None = None


class Cat(msgspec.Struct, tag=True, rename="camel"):
    lives_left: int = 9


class Dog(msgspec.Struct, tag=True):
    age: float
    friend: Cat | Dog | None = None


class Pair(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    a: int
    b: bytes = b""


TYPES: list[Any] = [
    *(int, float, str, bytes, bytearray, bool, None, Any, date, datetime, time, timedelta, UUID, Decimal),
    *(list, dict, tuple, set, list[int], set[int], frozenset[str], tuple[int, str], tuple[float, ...]),
    *(dict[str, int], dict[int, str], dict[float, int], dict[date, int], dict[UUID, int], dict[Colour, int]),
    *(Colour, Size, Point, Options, Box, Cat, Pair, Literal["a", 1, None], Cat | Dog, Box | None),
    *(int | str, int | float, int | date | None, float | None, list[Box], dict[str, Box | None], set[Point]),
    *(dict[Decimal, int], dict[bytes, int], dict[timedelta, int], dict[bool, int], dict[Size, int]),
    *(dict[Literal["red", "1"], int], dict[datetime, int], dict[int | None, int], set[Box | None], set[Any]),
    *(set[tuple[int, ...]], set[bytes], set[Decimal], frozenset[tuple[int, str]]),
    Annotated[str, Meta(pattern=r"^\d+$", max_length=4)],
    Annotated[str, Meta(pattern=r"^\S+@[^\s\d]+$")],
    Annotated[str, Meta(min_length=1, max_length=2)],
    Annotated[bytes, Meta(max_length=2)],
    Annotated[int, Meta(ge=0, lt=100)],
    Annotated[int, Meta(multiple_of=3)],
    Annotated[float, Meta(multiple_of=0.1)],
    Annotated[float, Meta(gt=0, le=1)],
    Annotated[datetime, Meta(tz=True)],
    Annotated[datetime, Meta(tz=False)],
    Annotated[time, Meta(tz=True)],
    Annotated[list[int], Meta(min_length=1, max_length=2)],
    Annotated[dict[str, int], Meta(max_length=1)],
    Annotated[int, Meta(extra_json_schema={"maximum": 5})],
]

#: what clients send when they mean something else, as JSON
ODD = [
    *(
        "7",
        "7.0",
        "7e0",
        "-0.0",
        "1e22",
        "1e400",
        "1" + "0" * 310,
        "1" * 5000,
        "1180591620717411303424",
        "0.3",
    ),
    *(
        "true",
        "null",
        '"x"',
        '""',
        '"1"',
        '"1.10"',
        '"NaN"',
        '"Infinity"',
        '"1e5"',
        "1.1",
        '"a\\n"',
        '"\\ud800"',
    ),
    *('"aGk="', '"aGk"', '"!!"', '"aGk=\\n"', '"red"', '"a"', '"Cat"', '"\\u0663"', '"\\u0663@\\u0663"'),
    *('"2026-01-01"', '"2026-1-1"', '"2026-02-30"', '"0000-01-01"', '"9999-12-31"'),
    *('"2026-01-01T00:00:00Z"', '"2026-01-01T00:00:00"', '"2026-01-01 00:00:00Z"', '"2026-06-30T23:59:60Z"'),
    *(
        '"2026-01-01T00:00:00.1234567+01:00"',
        '"2026-01-01T24:00:00Z"',
        "1767225600",
        '"10:00:00"',
        '"10:00:00Z"',
    ),
    *('"PT10S"', '"P1D"', '"P1M"', '"P1Y"', '"PT1.5H"', '"-P1D"', '"P1W"', '"P999999999999D"', '"P"'),
    *('"6ba7b810-9dad-11d1-80b4-00c04fd430c8"', '"6ba7b8109dad11d180b400c04fd430c8"', '"urn:uuid:x"'),
    *(
        "[]",
        "[1]",
        "[1, 1]",
        "[1, 1.0]",
        '["a", "a"]',
        '[1, "a"]',
        '[1, "a", 2]',
        "[[1]]",
        "[[1], [1]]",
        "[{}]",
    ),
    *("{}", '{"1": "a"}', '{"a": "a"}', '{"1": 1}', '{"1": 1, "1.0": 2}', '{"2026-01-01": 1}', '{"red": 1}'),
    *(
        '{"true": 1}',
        '{"aGk=": 1}',
        '{"PT10S": 1}',
        '{"1.5": 1}',
        '{"1.50": 1, "1.5": 2}',
        '{"null": 1}',
        '{"2": 1}',
    ),
    *(
        '{"2026-01-01T00:00:00Z": 1}',
        '[{"width": 1}]',
        '[{"width": 1}, {"width": 1}]',
        '["1", "1.0"]',
        '[[1, "a"]]',
    ),
    *('{"n": 1.0, "z": 1}', '{"width": 1}', '{"width": 1.0, "inner": {"width": 0}}', '{"width": 1, "w": 2}'),
    *('{"type": "Cat", "livesLeft": 9}', '{"type": "Cat", "lives_left": 9}', '{"type": "Dog", "age": 1}'),
    *(
        '{"type": "Dog", "age": 1, "friend": {"type": "Cat"}}',
        '{"age": 1}',
        '[1, "aGk="]',
        "[1, 2.5]",
        "[1, 2, 3]",
    ),
    *(
        '"a@b"',
        '"a @b"',
        '"a\\u001c@b"',
        '"\\ufeff@b"',
        '"a@\\u0085"',
        '"\\ud83d\\ude00\\ud83d\\ude00"',
        '"4\\n"',
    ),
]


#: JSON of all kinds, small
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def is_json(body: bytes) -> bool:
    """For fronts: numbers that no float and no integer of a machine's size reaches are none of theirs."""
    try:
        msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return False
    return True


def name_of(annotation: Any) -> str:
    return re.sub(r"[\w.]+\.", "", str(annotation))[:50]


@pytest.mark.parametrize("annotation", TYPES, ids=name_of)
def test_what_a_front_takes_its_worker_decodes_and_the_reverse_unless_the_schema_says_no(
    annotation: Any,
) -> None:
    by = handler_of(annotation)
    offer, schema = offer_of(by), validator(by.schema())

    def check(value: str) -> None:
        body = b'{"x": %b}' % value.encode()
        text = taken(offer, body)
        if text is not None:
            assert decoded(by, text) is not NOTHING, value
            assert offer.fingerprint(offer.read(body))
        elif decoded(by, body.decode()) is not NOTHING:
            assert not is_json(body) or not schema.is_valid(msgspec.json.decode(body)), value

    for value in ODD:
        check(value)
    settings(max_examples=12, deadline=None, database=None)(given(JSON.map(json.dumps))(check))()


@pytest.mark.parametrize(
    ("annotation", "sent", "had"),
    [
        (int, "7.0", 7),
        (int | None, "7e0", 7),
        (Literal[1, "a"], "1.0", 1),
        (Box, '{"width": 2.0}', Box(2)),
        (float, "7", 7.0),
        (dict[int, int], '{"7": 1.0}', {7: 1}),
    ],
)
def test_whole_numbers_may_be_written_as_floats(annotation: Any, sent: str, had: Any) -> None:
    by = handler_of(annotation)
    text = taken(offer_of(by), b'{"x": %b}' % sent.encode())
    assert text is not None
    assert decoded(by, text) == had


@pytest.mark.parametrize(
    ("annotation", "sent", "at", "detail"),
    [
        (Decimal, '"x"', "/x", "decimal"),
        (bytes, '"aGk"', "/x", "base64"),
        (list[bytes], '["aGk=", "aGk"]', "/x/1", "base64"),
        (dict[int, str], '{"a": "a"}', "/x", "key"),
        (timedelta, '"P1M"', "/x", "duration"),
        (datetime, '"soon"', "/x", "datetime"),
        (Annotated[float, Meta(multiple_of=0.1)], "0.3", "/x", "multiple of 0.1"),
        (set[Any], "[[1]]", "", "unhashable"),
    ],
    ids=str,
)
def test_what_a_schema_can_not_say_is_refused_by_the_front_and_named(
    annotation: Any, sent: str, at: str, detail: str
) -> None:
    with pytest.raises(BadArguments) as caught:
        offer_of(handler_of(annotation)).read(b'{"x": %b}' % sent.encode())
    (misfit,) = caught.value.members["errors"]
    assert misfit["at"] == at
    assert detail in misfit["detail"]


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        *(
            (timedelta, timedelta(**{unit: n}))
            for unit in ("days", "seconds")
            for n in (0, 3, 1.5, -0.25, 90)
        ),
        (timedelta, timedelta(weeks=3, seconds=5, microseconds=7)),
        (Decimal, Decimal("-1E+5")),
        (datetime, datetime(2026, 1, 1, 12, 0, 0, 250, UTC)),
        (time, time(23, 59, 59, 999999)),
        (date, date(1, 1, 1)),
        (bytes, b"\0\xff"),
        (UUID, UUID(int=7)),
    ],
    ids=str,
)
def test_what_one_job_returns_another_takes(annotation: Any, value: Any) -> None:
    by = handler_of(annotation)
    text = taken(offer_of(by), b'{"x": %b}' % encode(value))
    assert text is not None
    assert decoded(by, text) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"[":'])
def test_nesting_has_a_limit_which_strings_do_not_count_for(opening: bytes) -> None:
    offer = offer_of(handler_of(Any))
    closing = opening[::-1].translate(
        bytes.maketrans(b"[{", b"]}"), b'":a' if opening != b'[{"[":' else b'":['
    )
    if opening == b'[{"[":':
        closing = b"}]"
    levels = opening.count(b"[") + opening.count(b"{") - opening.count(b'"[')
    most = (MOST_NESTED - 1) // levels
    within = b'{"x": ' + opening * most + b"1" + closing * most + b"}"
    assert offer.read(within)
    beyond = b'{"x": ' + opening * (most + 1) + b"1" + closing * (most + 1) + b"}"
    with pytest.raises(MalformedBody, match="nested"):
        offer.read(beyond)
    assert offer.read(b'{"x": ' + json.dumps("[" * 500 + '"' + "{" * 500).encode() + b"}")
    assert offer.read(b'{"x": [' + b"[]," * 500 + b"[]]}")


PATTERNS = [
    *(
        r"^\d+$",
        r"^[^\d]$",
        r"^\D$",
        r"^\w+$",
        r"^\W$",
        r"^[^\w]+$",
        r"^\s$",
        r"^\S$",
        r"^[^\s/]+$",
        r"^[\s-]+$",
    ),
    *(
        r"^a.c$",
        r"^(?:ab|cd){1,3}$",
        r"^(?P<n>a|b)+$",
        r"^[a-zé]*$",
        r"^\$\{x\}\.$",
        r"^[]a]$",
        r"^x{2}?y*?$",
    ),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_matches_a_pattern_on_fronts_matches_on_workers(pattern: str) -> None:
    schema = validator({"pattern": for_fronts(pattern)})

    @settings(max_examples=80, deadline=None, database=None)
    @given(
        st.text(
            st.characters(exclude_categories=["Cs"]) | st.sampled_from("abcd \t\n\x1c\x85\ufeff٣é_$.²Ⅷ"),
            max_size=3,
        )
    )
    def check(text: str) -> None:
        if schema.is_valid(text):
            assert re.search(pattern, text)

    check()


@dataclass
class Thawed:
    width: int


class Holds(NamedTuple):
    items: set[int]


@pytest.mark.parametrize(
    "annotation",
    [
        *(
            set[list[int]],
            set[set[int]],
            set[dict[str, int]],
            set[bytearray],
            set[Thawed],
            set[Holds],
            set[Options],
        ),
        *(set[tuple[set[int], ...]], set[int | list[int]], frozenset[Thawed | None], dict[bytearray, int]),
    ],
    ids=name_of,
)
def test_a_set_of_what_python_can_not_put_into_one_is_refused(annotation: Any) -> None:
    with pytest.raises(HandlerError, match="unhashable"):
        handler_of(annotation)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bx",
        r"\Ax\Z",
        r"(a)\1",
        "(?i)a",
        "(?=a)",
        "(?<!a)b",
        "(?(1)a)",
        "a++",
        "a{2}+",
        "[[a]",
        "[a&&b]",
        r"[\S]",
    ],
)
def test_a_pattern_that_means_two_things_is_refused(pattern: str) -> None:
    with pytest.raises(UnlikePattern):
        for_fronts(pattern)
