"""Types of pydantic's, and the others that handlers of today have: fronts check them, workers build them."""

import dataclasses
import enum
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest

from relay.handlers.declare import HandlerError
from relay.model.problems.request import BadArguments
from relay.worker.result import ResultType, encode
from tests.model.arguments.sides import handler_of, offer_of

Item = TypeVar("Item")


class Zip(pydantic.BaseModel):
    code: str = pydantic.Field(pattern=r"^\d{5}$")


class Address(pydantic.BaseModel):
    """Where something goes."""

    street: str
    zip: Zip
    since: date | None = None

    @pydantic.field_validator("street")
    @classmethod
    def is_no_box(cls, street: str) -> str:
        if street.startswith("PO box"):
            raise ValueError("a box is no street")
        return street


class Money(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", populate_by_name=True)

    amount: Decimal = pydantic.Field(gt=0, max_digits=8)
    currency: Literal["EUR", "USD"] = pydantic.Field(default="EUR", alias="cur")


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


class Page(pydantic.BaseModel, Generic[Item]):
    items: list[Item]
    parent: "Page[Item] | None" = None


class Names(pydantic.RootModel[list[str]]): ...


@pydantic.dataclasses.dataclass
class Parcel:
    weight: Annotated[int, pydantic.Field(gt=0)]


@dataclasses.dataclass
class Order:
    """No type of pydantic's, with one within."""

    to: Address
    others: list[Address] = dataclasses.field(default_factory=list)


class Line(msgspec.Struct):
    address: Address | None = None


class Row(TypedDict):
    addresses: dict[str, Address]


class Pair(NamedTuple):
    first: int
    second: str


@attrs.define
class Size:
    width: int = attrs.field(validator=attrs.validators.gt(0))


@dataclasses.dataclass
class Checked:
    n: int


class Colour(enum.Enum):
    RED = "red"


HOME = {"street": "Main St", "zip": {"code": "53111"}}
AT_HOME = Address(street="Main St", zip=Zip(code="53111"))
Pet = Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]

#: annotation, what fits (as JSON would have it), what it becomes
FITS: list[tuple[Any, Any, Any]] = [
    (Address, HOME, AT_HOME),
    (Address, {**HOME, "since": "2026-01-02"}, AT_HOME.model_copy(update={"since": date(2026, 1, 2)})),
    (Address | None, None, None),
    (Address | None, HOME, AT_HOME),
    (list[Address], [HOME, HOME], [AT_HOME, AT_HOME]),
    (dict[str, list[Address | None]], {"a": [None, HOME]}, {"a": [None, AT_HOME]}),
    (tuple[Address, int], [HOME, 1], (AT_HOME, 1)),
    (Address | str, "here", "here"),
    (int | list[Address], [HOME], [AT_HOME]),
    (Order, {"to": HOME, "others": [HOME]}, Order(AT_HOME, [AT_HOME])),
    (Line, {"address": HOME}, Line(AT_HOME)),
    (Row, {"addresses": {"a": HOME}}, {"addresses": {"a": AT_HOME}}),
    (Money, {"amount": "1.50", "cur": "USD"}, Money(amount=Decimal("1.50"), currency="USD")),
    (Money, {"amount": 2}, Money(amount=Decimal(2))),
    (Pet, {"kind": "dog", "tricks": ["sit"]}, Dog(kind="dog", tricks=["sit"])),
    (list[Pet], [{"kind": "cat"}], [Cat(kind="cat")]),
    (Page[int], {"items": [1], "parent": {"items": []}}, Page[int](items=[1], parent=Page[int](items=[]))),
    (Names, ["a"], Names(["a"])),
    (Parcel, {"weight": 1}, Parcel(1)),
    (list[Parcel], [{"weight": 1}], [Parcel(1)]),
    (Annotated[int, pydantic.Field(gt=0)], 1, 1),
    (pydantic.PositiveInt, 3, 3),
    (Annotated[str, pydantic.AfterValidator(str.upper)], "a", "A"),
    (pydantic.HttpUrl, "https://example.com/", pydantic.HttpUrl("https://example.com/")),
    (pydantic.SecretStr, "x", pydantic.SecretStr("x")),
    (Annotated[Address, msgspec.Meta(description="to")], HOME, AT_HOME),
    # those that are not pydantic's
    (Checked, {"n": 1}, Checked(1)),
    (Size, {"width": 1}, Size(1)),
    (Pair, [1, "x"], Pair(1, "x")),
    (Colour, "red", Colour.RED),
    (datetime, "2026-01-02T03:04:05+00:00", datetime.fromisoformat("2026-01-02T03:04:05+00:00")),
    (timedelta, "PT90S", timedelta(seconds=90)),
    (UUID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")),
    (Decimal, "1.10", Decimal("1.10")),
    (bytes, "AAE=", b"\0\1"),
    (Colour | int | None, 7, 7),
    (dict[UUID, Checked], {"6ba7b810-9dad-11d1-80b4-00c04fd430c8": {"n": 1}}, None),
]

#: annotation, what does not fit, words of what is said
MISFITS: list[tuple[Any, Any, str]] = [
    (Address, {"street": 1, "zip": {"code": "53111"}}, "/x/street"),
    (Address, {"street": "Main St", "zip": {"code": "5311"}}, "/x/zip/code"),
    (Address, {"street": "Main St"}, "zip"),
    (list[Address], [HOME, 7], "/x/1"),
    (Order, {"to": {"street": "Main St"}}, "/x/to"),
    (Money, {"amount": "1", "more": 1}, "more"),
    (Money, {"amount": 0}, "/x/amount"),
    (Pet, {"kind": "cow"}, "/x"),
    (Parcel, {"weight": 0}, "/x/weight"),
    (pydantic.PositiveInt, 0, "/x"),
    (Checked, {"n": "1"}, "/x/n"),
    (Row, {"addresses": {"a": {}}}, "/x/addresses/a"),
    (Colour, "blue", "/x"),
]

#: what only a worker's checks can find
LATE: list[tuple[Any, Any, str]] = [
    (Address, {**HOME, "street": "PO box 1"}, "street: Value error, a box is no street - at `$.x`"),
    (list[Address], [HOME, {**HOME, "street": "PO box 1"}], "a box is no street - at `$.x[1]`"),
    (
        Order,
        {"to": HOME, "others": [{**HOME, "street": "PO box 1"}]},
        "a box is no street - at `$.x.others[0]`",
    ),
    (pydantic.HttpUrl, "no url", "Input should be a valid URL"),
    (Size, {"width": 0}, "'width' must be > 0"),
]


@pytest.mark.parametrize(("annotation", "value", "built"), FITS)
def test_what_fits_passes_a_front_and_is_built_by_a_worker(annotation: Any, value: Any, built: Any) -> None:
    text = msgspec.json.encode({"x": value})
    arguments = offer_of(handler_of(annotation)).read(text)
    got = handler_of(annotation).decode(arguments.text)["x"]
    assert built is None or got == built
    assert type(got) is type(built) or built is None


@pytest.mark.parametrize(("annotation", "value", "place"), MISFITS)
def test_what_does_not_fit_is_told_by_a_front_with_its_place(annotation: Any, value: Any, place: str) -> None:
    with pytest.raises(BadArguments) as caught:
        offer_of(handler_of(annotation)).read(msgspec.json.encode({"x": value}))
    assert place in str(caught.value.members["errors"])


@pytest.mark.parametrize(("annotation", "value", "said"), LATE)
def test_what_a_class_checks_itself_is_told_by_the_worker_with_its_place(
    annotation: Any, value: Any, said: str
) -> None:
    arguments = offer_of(handler_of(annotation)).read(msgspec.json.encode({"x": value}))
    with pytest.raises(BadArguments) as caught:
        handler_of(annotation).decode(arguments.text)
    assert said in caught.value.detail


def test_a_worker_says_not_what_was_sent() -> None:
    with pytest.raises(BadArguments) as caught:
        handler_of(Address).decode('{"x": {"street": "PO box secret", "zip": {"code": "hidden"}}}')
    assert caught.value.detail == (
        "street: Value error, a box is no street; zip.code: String should match pattern '^\\d{5}$' - at `$.x`"
    )


def test_the_schema_is_pydantics_own_with_all_parts_in_one_place() -> None:
    schema = handler_of(Order).schema()
    assert schema["$defs"]["Order"]["properties"]["to"] == {"$ref": "#/$defs/pydantic.Address"}
    address = schema["$defs"]["pydantic.Address"]
    assert address["description"] == "Where something goes."
    assert address["properties"]["zip"] == {"$ref": "#/$defs/pydantic.Zip"}
    assert schema["$defs"]["pydantic.Zip"]["properties"]["code"]["pattern"] == r"^\d{5}$"


def test_models_of_one_name_are_two() -> None:
    class Zip(pydantic.BaseModel):
        number: int

    schema = handler_of(tuple[Zip, Address]).schema()
    assert len([name for name in schema["$defs"] if "Zip" in name]) == 2
    value = {"x": [{"number": 1}, HOME]}
    built = handler_of(tuple[Zip, Address]).decode(
        offer_of(handler_of(tuple[Zip, Address])).read(msgspec.json.encode(value)).text
    )
    assert built["x"] == (Zip(number=1), AT_HOME)


def test_a_time_without_a_zone_is_left_to_the_model() -> None:
    class Event(pydantic.BaseModel):
        at: pydantic.NaiveDatetime

    text = offer_of(handler_of(Event)).read(b'{"x": {"at": "2026-01-02T03:04:05"}}').text
    assert handler_of(Event).decode(text)["x"].at == datetime(2026, 1, 2, 3, 4, 5)


def test_a_pattern_that_fronts_can_not_check_is_left_to_the_model() -> None:
    class Word(pydantic.BaseModel):
        word: str = pydantic.Field(pattern=r"^\bword\b$")

    text = offer_of(handler_of(Word)).read(b'{"x": {"word": "sword"}}').text
    with pytest.raises(BadArguments, match="word: String should match pattern"):
        handler_of(Word).decode(text)


def test_a_default_may_be_a_model_and_is_each_calls_own() -> None:
    handler = handler_of(Address, AT_HOME)
    first, second = handler.decode("{}")["x"], handler.decode("{}")["x"]
    assert first == second == AT_HOME
    assert len({id(first), id(second), id(AT_HOME)}) == 3
    assert offer_of(handler_of(Address, AT_HOME)).read(b"{}").text == "{}"


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (set[Address], "unhashable"),
        (Address | msgspec.Struct, "argument x: "),
        (
            dataclasses.make_dataclass("Around", [("parcel", Parcel)]),
            "Parcel is a dataclass of pydantic's within",
        ),
        (dataclasses.make_dataclass("Noted", [("n", pydantic.PositiveInt)]), "use msgspec.Meta"),
        (pydantic.create_model("Called", call=(Callable[[], None], ...)), "argument x: "),
        (pydantic.create_model("Ahead", to=("Nowhere", ...)), "argument x: .*is not fully defined"),
        (Annotated[str, pydantic.Field(pattern="(?=a)b")], "argument x: .*look-around"),
        (dict[pydantic.PositiveInt, int], "types of pydantic's as keys"),
        (set[pydantic.PositiveInt], "types of pydantic's"),
    ],
)
def test_what_can_not_be_checked_is_refused_where_it_is_declared(annotation: Any, why: str) -> None:
    with pytest.raises(HandlerError, match=why) as caught:
        handler_of(annotation)
    assert len(str(caught.value).splitlines()) == 1


def test_an_error_of_another_kind_in_a_validator_is_not_the_clients() -> None:
    class Broken(pydantic.BaseModel):
        n: int

        @pydantic.field_validator("n")
        @classmethod
        def breaks(cls, n: int) -> int:
            raise KeyError(n)

    with pytest.raises(KeyError):
        handler_of(Broken).decode('{"x": {"n": 1}}')


# -- results --


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (AT_HOME.model_copy(update={"since": date(2026, 1, 2)}), {**HOME, "since": "2026-01-02"}),
        ([Money(amount=Decimal("1.5"), currency="USD")], [{"amount": "1.5", "currency": "USD"}]),
        ({"a": Names(["b"])}, {"a": ["b"]}),
        (Parcel(3), {"weight": 3}),
        (pydantic.HttpUrl("https://example.com/a"), "https://example.com/a"),
        (Order(AT_HOME), {"to": {**HOME, "since": None}, "others": []}),
        (Size(2), {"width": 2}),
        (b"\0\1", "AAE="),
    ],
)
def test_a_result_is_written_as_its_model_dumps_itself(value: Any, written: Any) -> None:
    assert msgspec.json.decode(encode(value)) == written


def test_a_model_that_json_does_not_have_is_told_of_with_its_place() -> None:
    class Rate(pydantic.BaseModel):
        value: float

    with pytest.raises(Exception, match="at /a/value: nan can't be written as JSON"):
        encode({"a": Rate(value=float("nan"))})


def test_a_result_that_is_declared_as_a_model_may_be_one_or_look_like_one() -> None:
    def one() -> Address: ...  # type: ignore[empty-body]
    def several() -> list[Money]: ...  # type: ignore[empty-body]

    assert msgspec.json.decode(ResultType(one).encode(AT_HOME))["street"] == "Main St"
    assert ResultType(several).encode([Money(amount=Decimal(1))]) == b'[{"amount":"1","currency":"EUR"}]'


@pytest.mark.processes
def test_pydantic_is_imported_by_those_who_use_it_only() -> None:
    code = (
        "import relay.process.service, relay.worker.worker, relay.handlers.registry, sys;"
        "relay.handlers.registry.Registry.load(['relay.jobs']);"
        "sys.exit('pydantic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
