"""What can't be declared as a job, and the one line that says so."""

from __future__ import annotations

import enum
import functools
import inspect
import pydoc
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, make_dataclass
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple, Optional, TypedDict

import annotated_types
import msgspec
import pytest
from msgspec import Meta
from twisted.internet.defer import inlineCallbacks

from relay import Context, Limit, job
from relay.handlers.declare import Handler, HandlerError, handler
from relay.handlers.options import JobOptions
from relay.handlers.registry import Registry
from relay.model.schedule import Schedule


def said_of(declare: Callable[[], Any]) -> str:
    with pytest.raises(HandlerError) as caught:
        declare()
    said = str(caught.value)
    assert "\n" not in said
    return said


# -- options --

DAY = 86400


@pytest.mark.parametrize(
    "options",
    [
        *({"retries": 0}, {"retries": 1000}, {"timeout": 0.01}, {"timeout": 30 * DAY}, {"priority": -256}),
        *(
            {"queue": "a1_b"},
            {"once": True, "retries": 0},
            {"limit": None},
            {"limit": ""},
            {"limit": Limit()},
        ),
        *({"limit": "50/s"}, {"limit": Limit("5/s", per="account")}, {"then": "another"}, {"thread": True}),
        *({"cron": "*/5 * * * *"}, {"cron": "0 8 * * *", "timezone": "Europe/Berlin", "catch_up": "all"}),
        *({"every": "30s"}, {"every": 5}, {"every": "1h", "most": 1}, {"every": "1h", "unique": True}),
        *({"unique": True}, {"unique": 60}, {"unique": 0.5, "unique_by": "account"}, {"unique": False}),
        *({"debounce": 5}, {"debounce": 0}, {"debounce": 0.5, "unique_by": ("account",)}),
    ],
    ids=str,
)
def test_options_that_are_taken(options: dict[str, Any]) -> None:
    def f(account: str = "") -> None: ...

    assert job(**options)(f) is f


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"retries": -1}, "retries -1 is not a whole number from 0 to 1000"),
        ({"retries": 1001}, "retries 1001"),
        ({"retries": 2.5}, "retries 2.5 is not a whole number"),
        ({"retries": 2.0}, "retries 2.0"),
        ({"retries": True}, "retries True"),
        ({"retries": "3"}, "retries '3'"),
        ({"retries": None}, "retries None"),
        ({"timeout": 0}, "timeout 0 is not a number of seconds above 0 and up to 2592000 (30 days)"),
        ({"timeout": -1}, "timeout -1"),
        ({"timeout": "5"}, "timeout '5'"),
        ({"timeout": None}, "timeout None"),
        ({"timeout": True}, "timeout True"),
        ({"timeout": float("inf")}, "timeout inf"),
        ({"timeout": float("nan")}, "timeout nan"),
        ({"timeout": 30 * DAY + 1}, "timeout 2592001"),
        ({"priority": 256}, "priority 256 is not a whole number from -256 to 255"),
        ({"priority": 1.0}, "priority 1.0"),
        ({"priority": "high"}, "priority 'high'"),
        ({"queue": "Big"}, "queue 'Big' is not a name that matches"),
        ({"queue": "a\n"}, r"queue 'a\n'"),
        ({"queue": None}, "queue None"),
        ({"name": "Bad Name"}, "name 'Bad Name' is not a name that matches"),
        ({"name": 5}, "name 5"),
        ({"name": "a" * 65}, "name 'aaaa"),
        ({"once": 1}, "once 1 is not True or False"),
        ({"thread": "yes"}, "thread 'yes'"),
        ({"once": True, "retries": 1}, "once=True and retries contradict each other"),
        ({"limit": 5}, "limit 5 is not a rate such as '50/s', or a Limit"),
        ({"limit": "5 per second"}, "limit: '5 per second' is not a rate"),
        ({"limit": Limit(5)}, "limit: rate 5 is not text"),  # type: ignore[arg-type]
        ({"limit": Limit("5/s", per=3)}, "limit: per 3 is not text"),  # type: ignore[arg-type]
        ({"limit": Limit("5/s", per="nobody")}, "limit: there is no argument 'nobody' to count by"),
        ({"limit": Limit("5/s", name="A b")}, "limit: 'A b' does not match"),
        ({"limit": Limit(hosts="x.example")}, "limit: hosts 'x.example' is not a tuple"),  # type: ignore[arg-type]
        ({"limit": Limit(hosts=("https://x.example",))}, "limit: 'https://x.example' is not a host"),
        ({"limit": Limit(hosts=("X.example",))}, "limit: 'X.example' is not a host"),
        ({"then": 42}, "then 42 is not the name or the function of a job"),
        ({"then": "No Name"}, "then 'No Name'"),
        ({"then": print}, "then is a function without @job"),
        ({"cron": "0 0 30 2 *"}, "cron: '0 0 30 2 *' is not a cron expression"),
        ({"cron": "x"}, "cron: 'x' is not a cron expression of five fields"),
        ({"cron": 5}, "cron 5 is not a cron expression such as"),
        ({"cron": "* * * * *", "timezone": "Mars"}, "cron: 'Mars' is not a time zone such as Europe/Berlin"),
        ({"every": "1h", "timezone": ""}, "timezone: '' is not a time zone"),
        ({"every": "1h", "timezone": None}, "timezone None is not the name of a time zone"),
        ({"timezone": "Europe/Berlin"}, "timezone is for jobs with a cron or an every"),
        ({"every": 0.5}, "every: 0.5 is not whole seconds from 1"),
        ({"every": None}, "every: None is not whole seconds"),
        ({"every": "5 minutes"}, "every: '5 minutes' is not whole seconds"),
        ({"cron": "* * * * *", "every": "1h"}, "cron and every contradict each other"),
        ({"catch_up": "all"}, "catch_up is for jobs with a cron or an every"),
        ({"every": "1h", "catch_up": "some"}, "catch_up 'some' is not 'last', 'all' or 'none'"),
        ({"every": "1h", "catch_up": []}, "catch_up [] is not"),
        ({"every": "1h", "debounce": 5}, "debounce and a schedule contradict each other"),
        ({"every": "1h", "most": 1, "per": "account"}, "nothing that per could count by"),
        ({"every": "1h", "limit": Limit("5/s", per="account")}, "nothing that per could count by"),
        ({"unique": 0}, "unique 0 is not True, False, or a number of seconds up to 2592000"),
        ({"unique": -1}, "unique -1"),
        ({"unique": "yes"}, "unique 'yes'"),
        ({"unique": None}, "unique None"),
        ({"unique": float("nan")}, "unique nan"),
        ({"unique": 31 * DAY}, "unique 2678400"),
        ({"unique_by": "account"}, "unique_by is for jobs with unique or debounce"),
        ({"unique": True, "unique_by": "nobody"}, "unique_by: there is no argument 'nobody' to compare"),
        ({"unique": True, "unique_by": ["account"]}, "unique_by ['account'] is not the name of an argument"),
        ({"unique": True, "unique_by": ("account", 5)}, "unique_by ('account', 5) is not"),
        ({"debounce": -1}, "debounce -1 is not a number of seconds from 0 to 3600"),
        ({"debounce": "5s"}, "debounce '5s'"),
        ({"debounce": True}, "debounce True"),
        ({"debounce": float("inf")}, "debounce inf"),
        ({"debounce": 5, "unique": True}, "debounce and unique contradict each other"),
        ({"tiemout": 5}, "there is no option 'tiemout': did you mean timeout?"),
        ({"retry": 3}, "there is no option 'retry': did you mean retries?"),
        ({"colour": "red"}, "there is no option 'colour': there are name, queue,"),
    ],
    ids=str,
)
def test_an_option_that_can_not_be_right_is_named_with_its_job(options: dict[str, Any], said: str) -> None:
    def f(account: str = "") -> None: ...

    told = said_of(lambda: job(**options)(f))
    assert told.startswith(f"job {options.get('name', 'f')} (tests.handlers.test_declarations.")
    assert said in told


def test_a_schedule_gives_no_arguments() -> None:
    def needs(account: str) -> None: ...

    def needs_none(context: Context, account: str = "mine") -> None: ...

    told = said_of(lambda: handler(job(every="1h")(needs)))
    assert "a schedule gives the job no arguments, so each of them needs a default" in told
    assert handler(job(every="1h")(needs_none)).schedule == Schedule(every=3600)


def test_the_context_is_not_compared() -> None:
    def f(context: Context) -> None: ...

    told = said_of(lambda: handler(job(unique=True, unique_by="context")(f)))
    assert "unique_by: context is the Context, not an argument to compare" in told


def test_the_context_is_not_counted_by() -> None:
    def f(context: Context) -> None: ...

    told = said_of(lambda: handler(job(limit=Limit("5/s", per="context"))(f)))
    assert "limit: context is the Context, not an argument" in told


# -- what is a handler --


class Holder:
    def method(self, a: int) -> None: ...

    @classmethod
    def of_class(cls, a: int) -> None: ...

    @staticmethod
    def static(a: int) -> None: ...

    def __call__(self, a: int) -> None: ...


def yields() -> Iterator[int]:
    yield 1


async def yields_asynchronously() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (Holder.method, "it is a method"),
        (Holder().method, "it is a method of an object"),
        (Holder.of_class, "it is a method of an object"),
        (Holder.__dict__["of_class"], "it is a part of a class"),
        (Holder.__dict__["static"], "it is a part of a class"),
        (property(lambda self: 1), "it is a part of a class"),
        (Holder, "it is a class"),
        (Holder(), "it is not a function"),
        (functools.partial(Holder.static, 1), "it is a functools.partial"),
        (len, "it is built into Python"),
        (7, "it is not a function"),
        (yields, "it is a generator"),
        (yields_asynchronously, "it is an asynchronous generator"),
    ],
)
def test_what_is_not_a_plain_function_is_refused(function: Any, said: str) -> None:
    told = said_of(lambda: job(name="f")(function))
    assert told.startswith("job f (")
    assert f": {said}" in told
    assert "declare a function of the module" in told


def test_a_name_is_needed_where_the_function_has_none() -> None:
    assert "name '<lambda>' is not a name that matches" in said_of(lambda: job(lambda: None))
    assert handler(job(name="f")(lambda: None)).options.name == "f"


def test_functions_by_way_of_decorators_and_classes_are_handlers() -> None:
    @job
    @inlineCallbacks
    def waits(a: int) -> Any:
        yield a

    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*a: Any, **k: Any) -> Any:
            return function(*a, **k)

        return wrapper

    @job
    @logged
    def plain(context: Context, a: int) -> int:
        return a

    assert handler(waits).decode('{"a": 1}') == {"a": 1}
    assert handler(plain).context == "context"
    assert handler(job(name="static")(Holder.static)).decode('{"a": 1}') == {"a": 1}


def test_annotations_of_a_wrapped_function_are_looked_up_where_it_was_written() -> None:
    elsewhere = ModuleType("elsewhere")
    exec(
        "import functools\n"
        "def logged(function):\n"
        "    return functools.wraps(function)(lambda *a, **k: function(*a, **k))\n",
        elsewhere.__dict__,
    )

    def pay(amount: Decimal) -> None: ...

    assert handler(job(elsewhere.logged(pay))).decode('{"amount": "1.5"}') == {"amount": Decimal("1.5")}


# -- parameters --


def handler_of(function: Callable[..., Any]) -> Handler:
    return handler(job(name="f")(function))


def test_the_context_is_known_however_it_is_annotated() -> None:
    def plain(c: Context) -> None: ...
    def text(c: "Context") -> None: ...  # noqa: UP037
    def optional(c: Optional[Context] = None) -> None: ...  # noqa: UP045
    def union(c: Context | None = None) -> None: ...
    def text_union(a: int, *, c: "Context | None" = None) -> None: ...  # noqa: UP037
    def noted(c: Annotated[Context, "of mine"]) -> None: ...

    for function in (plain, text, optional, union, text_union, noted):
        assert handler_of(function).context == "c"


def parameters() -> dict[str, tuple[Callable[..., Any], str]]:
    def two(a: Context, b: Context | None = None) -> None: ...
    def positional(a: int, /) -> None: ...
    def starred(*a: int) -> None: ...
    def keywords(**a: int) -> None: ...
    def dunder(__a: int) -> None: ...
    def path(a: Path) -> None: ...
    def class_(a: type[int]) -> None: ...
    def unknown(a: Nowhere) -> None: ...  # type: ignore[name-defined]  # noqa: F821
    def broken(a: "int |") -> None: ...  # type: ignore[valid-type]  # noqa: F722
    def instance(a: Context | int) -> None: ...
    def bound(a: Annotated[str, Meta(ge=1)]) -> None: ...
    def pattern(a: Annotated[str, Meta(pattern=r"(?=x)")]) -> None: ...
    def not_a_pattern(a: Annotated[str, Meta(pattern="[")]) -> None: ...
    def reference(a: Annotated[int, Meta(extra_json_schema={"$ref": "#/x"})]) -> None: ...
    def default(a: int = "1") -> None: ...  # type: ignore[assignment]
    def none(a: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013
    def too_low(a: Annotated[int, Meta(ge=1)] = 0) -> None: ...
    def infinite(a: float = float("inf")) -> None: ...
    def unsendable(a: Any = object()) -> None: ...  # noqa: B008

    said = {
        two: "a and b both take the Context",
        positional: "a is positional-only",
        starred: "*a: 'int' takes arguments without names, but arguments are passed by name",
        keywords: "**a: 'int' takes arguments without names, but arguments are passed by name",
        dunder: "__a is not a name that an argument can have",
        path: "argument a: Path is not a type that JSON can be decoded to",
        class_: "argument a: ",
        unknown: "argument a: name 'Nowhere' is not defined",
        broken: "argument a: its annotation can't be read",
        instance: "argument a: ",
        bound: "argument a: Can only set `ge` on a numeric type",
        pattern: "argument a: pattern '(?=x)': fronts do not support (?=",
        not_a_pattern: "argument a: ",
        reference: "argument a: fronts can't check it",
        default: "argument a: its default '1' does not fit: Expected `int`, got `str`",
        none: "argument a: its default None does not fit: Expected `int`, got `null`; annotate it with … | None",
        too_low: "argument a: its default 0 does not fit: Expected `int` >= 1",
        infinite: "argument a: its default inf does not fit",
        unsendable: "argument a: its default <object object at",
    }
    return {function.__name__: (function, words) for function, words in said.items()}


@pytest.mark.parametrize(("function", "said"), parameters().values(), ids=parameters())
def test_a_parameter_that_can_not_be_an_argument_is_named(function: Callable[..., Any], said: str) -> None:
    told = said_of(lambda: handler_of(function))
    assert told.startswith("job f (tests.handlers.test_declarations.parameters.")
    assert said in told


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int = 0


class Partly(TypedDict, total=False):
    n: int


@dataclass
class Box:
    width: int = 1
    tags: list[str] = field(default_factory=list)


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        *(
            (list[int], [1]),
            (dict[str, int], {"a": 1}),
            (set[int], {1}),
            (bytes, b"x"),
            (tuple[int, ...], (1,)),
        ),
        *((Colour, Colour.RED), (Point, Point(1)), (Box, Box(2)), (Decimal, Decimal("1.5")), (Any, [1])),
        *((Partly, {}), (int | None, None), (float, 1)),
    ],
)
def test_a_default_is_given_as_it_is_and_never_shared(annotation: Any, default: Any) -> None:
    def f(a: Any = default) -> None: ...

    f.__annotations__ = {"a": annotation}
    made = handler_of(f)
    assert made.decode("{}") == {"a": default}
    assert made.decode("{}")["a"] is not default or not isinstance(default, list | dict | set)


def test_arguments_may_have_any_other_name() -> None:
    def f(self: int, cls: int, type: int, m0: int, arguments: int) -> None: ...

    assert handler_of(f).decode('{"self": 1, "cls": 2, "type": 3, "m0": 4, "arguments": 5}')["m0"] == 4


# -- notes that only pydantic understands --


def test_notes_for_pydantic_are_refused_where_nobody_has_imported_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pydantic", raising=False)
    noted = Annotated[int, annotated_types.Gt(0)]
    within = make_dataclass("Within", [("weight", noted)])

    for annotation in (noted, list[noted], within):

        def f(a: Any) -> None: ...

        f.__annotations__ = {"a": annotation}
        assert "Gt(gt=0) is not supported: use msgspec.Meta" in said_of(lambda f=f: handler_of(f))  # type: ignore[misc]


# -- what is shown --


def test_the_signature_of_job_has_all_options_with_their_defaults() -> None:
    shown = {
        name: each.default
        for name, each in inspect.signature(job).parameters.items()
        if each.kind is each.KEYWORD_ONLY
    }
    fields = msgspec.structs.fields(JobOptions)
    declared = {field.name: "" if field.required else field.default for field in fields}
    assert shown == {name: default for name, default in declared.items() if name in shown}
    assert shown.keys() == declared.keys()
    assert "retries: 'int' = 0" in pydoc.render_doc(job)


# -- the whole --


def test_one_bad_declaration_is_told_of_when_the_registry_is_made() -> None:
    def good() -> None: ...
    def bad(a: Path) -> None: ...

    assert said_of(lambda: Registry([job(good), job(bad)])).startswith(
        "job bad (tests.handlers.test_declarations."
    )


def test_what_is_published_is_plain_json() -> None:
    def f(box: Box, colour: Colour = Colour.RED) -> None: ...

    f.__annotations__ = {"box": Box, "colour": Colour}
    schema = handler_of(f).schema()
    assert msgspec.json.decode(msgspec.json.encode(schema))["$defs"]["Colour"]["enum"] == ["red"]
