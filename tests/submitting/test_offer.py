"""What arguments count for: the fingerprint of a key, and the lane of a limit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from relay import Limit, job
from relay.handlers import handler
from relay.model.problems.request import BadArguments, MalformedBody
from relay.store.messages import JobDefinition, UniqueDefinition
from relay.submitting.offer import MOST_VALUES, Offer
from tests.model.arguments.sides import NOTHING, handler_of, offer_of


@dataclass
class Box:
    width: int
    depth: float = 1000.5
    tags: list[str] = field(default_factory=list)


def prints(offer: Offer, *bodies: str) -> set[str]:
    return {offer.fingerprint(offer.read(body.encode())) for body in bodies}


@pytest.mark.parametrize(
    ("annotation", "default", "bodies"),
    [
        (int, NOTHING, ('{"x": 7}', ' {"x":7.0}\n', '{"x": 7e0}', '{"x": 1, "x": 7}')),
        (float, NOTHING, ('{"x": 7}', '{"x": 7.0}', '{"x": 0.7e1}')),
        (
            Any,
            NOTHING,
            ('{"x": [{"a": 7, "b": 1}]}', '{"x": [{"b": 1.0, "a": 7.0}]}', '{"x":[{"a":7e0,"b":1}]}'),
        ),
        (Any, NOTHING, ('{"x": "\\u00e9"}', '{"x": "é"}')),
        (int, 1000, ("{}", "", '{"x": 1000}', '{"x": 1000.0}')),
        (int | None, None, ("{}", '{"x": null}')),
        (list[int], [1, 2], ("{}", '{"x": [1, 2]}', '{"x": [1.0, 2]}')),
        (Decimal, Decimal("1.50"), ("{}", '{"x": "1.50"}')),
        (datetime, NOTHING, ('{"x": "2026-01-01T00:00:00Z"}', '{"x": "2026-01-01T00:00:00+00:00"}')),
        (set[int], NOTHING, ('{"x": [3, 1, 2]}', '{"x": [1, 2, 3]}')),
        (set[Any], NOTHING, ('{"x": [3, "a", null]}', '{"x": [null, "a", 3.0]}')),
        (dict[str, set[int | str]], NOTHING, ('{"x": {"a": [3, "a"]}}', '{"x": {"a": ["a", 3]}}')),
        (Box, Box(1), ("{}", '{"x": {"width": 1}}', '{"x": {"depth": 1000.5, "width": 1.0, "tags": []}}')),
        (
            dict[str, Box],
            NOTHING,
            ('{"x": {"a": {"width": 1}}}', '{"x": {"a": {"width": 1, "depth": 1000.5}}}'),
        ),
        (dict[int, int], NOTHING, ('{"x": {"1": 1, "2": 2}}', '{"x": {"2": 2.0, "1": 1}}')),
    ],
)
def test_a_fingerprint_is_of_what_the_arguments_mean(
    annotation: Any, default: Any, bodies: tuple[str, ...]
) -> None:
    assert len(prints(offer_of(handler_of(annotation, default)), *bodies)) == 1


@pytest.mark.parametrize(
    ("annotation", "default", "bodies"),
    [
        (Any, NOTHING, ('{"x": 7}', '{"x": "7"}', '{"x": 7.5}', '{"x": "7.0"}', '{"x": true}', '{"x": [7]}')),
        (Any, True, ('{"x": true}', '{"x": 1}')),
        (int | None, 0, ('{"x": 0}', '{"x": null}')),
        (list[int], NOTHING, ('{"x": [1, 2]}', '{"x": [2, 1]}')),
    ],
)
def test_what_differs_has_another_fingerprint(annotation: Any, default: Any, bodies: tuple[str, ...]) -> None:
    assert len(prints(offer_of(handler_of(annotation, default)), *bodies)) == len(bodies)


UNIQUE = UniqueDefinition()


def ones(declared: UniqueDefinition | None, *bodies: str, owner: str = "me") -> set[str]:
    """Whether jobs with these arguments are the same."""

    def f(user: str, day: date = date(2026, 1, 1), note: Any = "") -> None: ...

    served = JobDefinition("f", "default", 0, 1, False, None, None, handler(job(f)).schema(), unique=declared)
    offer = Offer(served)
    return {offer.unique(owner, offer.read(body.encode())) for body in bodies}


def test_jobs_with_the_same_arguments_are_the_same() -> None:
    same = ('{"user": "a"}', '{"day": "2026-01-01", "user": "a"}', '{"user": "a", "note": ""}')
    assert len(ones(UNIQUE, *same)) == 1
    others = ('{"user": "b"}', '{"user": "a", "day": "2026-01-02"}', '{"user": "a", "note": 7}')
    assert len(ones(UNIQUE, *same, *others)) == 4


def test_only_the_arguments_that_are_named_are_compared() -> None:
    by_user, by_both = UniqueDefinition(("user",)), UniqueDefinition(("user", "day"))
    bodies = ('{"user": "a"}', '{"user": "a", "day": "2026-01-02"}', '{"user": "a", "note": 7}')
    assert len(ones(by_user, *bodies)) == 1
    assert len(ones(by_both, *bodies)) == 2
    assert len(ones(by_user, '{"user": "a"}', '{"user": "b"}')) == 2
    assert len(ones(UniqueDefinition(("day",)), '{"user": "a"}', '{"user": "b", "day": "2026-01-01"}')) == 1


def test_what_is_the_same_is_the_same_for_one_owner() -> None:
    body = '{"user": "a"}'
    assert ones(UNIQUE, body).isdisjoint(ones(UNIQUE, body, owner="you"))
    assert ones(None, body) == {""}


def test_an_argument_that_is_added_with_a_default_leaves_fingerprints_as_they_were() -> None:
    @dataclass
    class Before:
        width: int

    before = offer_of(handler_of(Before))
    after = offer_of(handler_of(Before, Before(3)))
    assert prints(before, '{"x": {"width": 4}}') == prints(after, '{"x": {"width": 4}}')


def lanes(offer: Offer, *bodies: str) -> set[str]:
    return {offer.template(offer.read(body.encode())).lane for body in bodies}


def test_a_limit_counts_values_and_not_how_they_are_written() -> None:
    offer = offer_of(handler_of(Annotated[float, Meta(ge=0)], 7.0, Limit("5/s", per="x")))
    assert len(lanes(offer, "{}", '{"x": 7}', '{"x": 7.0}')) == 1
    assert len(lanes(offer, "{}", '{"x": 8}')) == 2
    whole = offer_of(handler_of(Any, None, Limit("5/s", per="x")))
    assert len(lanes(whole, '{"x": {"a": 1, "b": [2]}}', '{"x": {"b": [2.0], "a": 1.0}}')) == 1
    assert len(lanes(whole, "{}", '{"x": null}')) == 1


def test_a_limit_without_an_argument_has_one_lane() -> None:
    assert lanes(offer_of(handler_of(int, 1, Limit("5/s"))), "{}", '{"x": 2}') == {"@takes"}
    assert lanes(offer_of(handler_of(int, 1)), "{}") == {""}


def test_an_entry_without_shapes_is_checked_by_its_schema_alone() -> None:
    served = JobDefinition(
        "old", "default", 0, 1, False, None, None, {"properties": {"x": {"type": "integer"}}}
    )
    offer = Offer(served)
    assert msgspec.json.decode(offer.read(b'{"x": 7.0}').text) == {"x": 7.0}
    assert len(prints(offer, '{"x": 7.0}', '{"x": 7}')) == 1


# -- what is refused, and at what price --


def refused(annotation: Any, body: str) -> list[dict[str, str]]:
    with pytest.raises(BadArguments) as caught:
        offer_of(handler_of(annotation)).read(body.encode())
    errors: list[dict[str, str]] = caught.value.members["errors"]
    assert all(len(error["at"]) <= 200 and len(error["detail"]) <= 200 for error in errors)
    return errors


def test_each_misfit_of_a_short_body_is_named() -> None:
    assert [error["at"] for error in refused(list[int], '{"x": ["a", 1, "b"]}')] == ["/x/0", "/x/2"]
    assert len(refused(list[int], '{{"x": [{}]}}'.format(",".join(['"a"'] * 100)))) == 20


def test_of_a_long_body_the_first_misfit_is_named() -> None:
    misfits = ",".join(["1"] * 5 + ['"a"'] * 20_000)
    assert refused(list[int], f'{{"x": [{misfits}]}}') == [{"at": "/x/5", "detail": "Expected int, got str"}]


def test_arguments_that_there_are_not_are_named() -> None:
    errors = refused(int, '{"x": 1, "y": 2, "%s": 3}' % ("z" * 1000))
    assert errors[0] == {"at": "/y", "detail": "there is no such argument"}
    assert errors[1]["at"].startswith("/zzz")


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, '"hidden"'),
        (Literal["a", "b"], '"hidden"'),
        (list[int], '{"hidden": 1}'),
        (Annotated[str, Meta(pattern="^x")], '"hidden"'),
        (datetime, '"hidden"'),
        (set[int], '["hidden"]'),
        (list[Literal["a"]], json.dumps(["hidden" * 1000] * 10)),
        (Annotated[str, Meta(max_length=3)], json.dumps("hidden" * 10_000)),
    ],
)
def test_what_does_not_fit_is_not_sent_back(annotation: Any, value: str) -> None:
    assert "hidden" not in json.dumps(refused(annotation, f'{{"x": {value}}}'))


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        ('{{"x": [{}]}}'.format(",".join(["1"] * (MOST_VALUES - 2))), False),
        ('{{"x": [{}]}}'.format(",".join(["1"] * MOST_VALUES)), True),
        ('{{"x": [{}]}}'.format(",".join(["[]"] * MOST_VALUES)), True),
        ('{{"x": {{{}}}}}'.format(",".join(f'"{n}":1' for n in range(MOST_VALUES))), True),
        ('{{"x": [{}]}}'.format(",".join(['"a,[{"'] * (MOST_VALUES // 2))), False),
        ('{{"x": [{}]}}'.format(",".join(['"a,[{"'] * MOST_VALUES * 5)), True),
        ('{"x": "%s"}' % (",[{" * MOST_VALUES), False),
        ('{"x": "%s"}' % ('\\",' * MOST_VALUES), False),
        ('{"x": "%s\\\\"}' % ("," * MOST_VALUES), False),
    ],
)
def test_a_body_may_have_so_many_values_and_no_more(body: str, is_refused: bool) -> None:
    offer = offer_of(handler_of(Any))
    if not is_refused:
        assert offer.read(body.encode()).values is not None
        return
    with pytest.raises(MalformedBody, match="more than 30000 values"):
        offer.read(body.encode())


def test_a_mark_of_the_order_of_bytes_is_let_pass() -> None:
    assert offer_of(handler_of(int)).read(b'\xef\xbb\xbf{"x": 1}').text == '{"x": 1}'


NAME = Annotated[str, Meta(pattern="^[a-z]+$")]


@pytest.mark.parametrize("annotation", [list[NAME], list[NAME] | None, list[Literal["a"]] | None])
def test_of_a_long_body_of_alternatives_the_argument_is_named(annotation: Any) -> None:
    body = json.dumps({"x": ["A"] * 20_000})
    (error,) = refused(annotation, body)
    assert error["at"].startswith("/x")


@pytest.mark.parametrize(
    "body",
    [
        b'"' + b'\\"' * 20_000 + b"," * 200_000,
        b'"' + b"\\\n" * 100_000 + b"," * 200_000,
        b'{"x": "' + b'\\"' * 100_000 + b"," * 200_000 + b"\\",
    ],
)
def test_texts_without_end_are_no_work(body: bytes) -> None:
    """They would take hours if the search for texts went back."""
    with pytest.raises(MalformedBody):
        offer_of(handler_of(Any)).read(body)
