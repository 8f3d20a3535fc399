"""``@job``, and what a signature says of arguments."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from relay import Context, job
from relay.handlers.declare import HandlerError, handler
from relay.handlers.registry import Registry
from relay.model.limits import Limit, Rate
from relay.model.problems.request import BadArguments
from relay.worker.definitions import served
from tests import sample_jobs


def test_job_returns_the_function_unchanged_with_and_without_parentheses() -> None:
    def one(a: int) -> int:
        return a + 1

    def other(a: int) -> int:
        return a + 2

    assert job(one) is one
    assert job(timeout=3)(other) is other
    assert one(1) == 2


def test_the_name_is_the_functions_unless_it_is_given() -> None:
    assert handler(sample_jobs.area).options.name == "area"
    assert handler(sample_jobs.tell).options.name == "whoami"


def test_arguments_are_typed_by_the_signature() -> None:
    area = handler(sample_jobs.area)
    assert area.decode('{"box": {"width": 2, "height": 3}}') == {"box": sample_jobs.Box(2, 3), "scale": 1}
    for wrong in (
        "{}",
        '{"box": 1}',
        '{"box": {"width": 1, "height": 1}, "scale": 0}',
        '{"box": {}, "x": 1}',
    ):
        with pytest.raises(BadArguments):
            area.decode(wrong)


def test_the_schema_has_types_limits_and_defaults_and_not_the_context() -> None:
    def fetch(context: Context, url: str, since: date | None = None, *, limit: int = 3) -> Any: ...

    fetch_handler = handler(job(fetch))
    assert fetch_handler.context == "context"
    schema = fetch_handler.schema()["$defs"]["fetch"]
    assert set(schema["properties"]) == {"url", "since", "limit"}
    assert schema["required"] == ["url"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["limit"] == {"type": "integer", "default": 3}


def test_a_return_annotation_that_can_not_be_read_is_no_matter() -> None:
    def late(a: int) -> NotImported: ...  # type: ignore[name-defined]  # noqa: F821

    assert handler(job(late)).decode('{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "Bad Name"}, "name"),
        ({"queue": "Q"}, "queue"),
        ({"priority": 256}, "priority"),
        ({"timeout": 0}, "timeout"),
        ({"retries": -1}, "retries"),
    ],
)
def test_a_declaration_that_can_not_work_is_refused_with_its_reason(
    options: dict[str, Any], said: str
) -> None:
    def function() -> None: ...

    with pytest.raises(HandlerError, match=said):
        job(**options)(function)


def test_arguments_that_can_not_be_sent_are_refused() -> None:
    def positional(a: int, /) -> None: ...
    def starred(*a: int) -> None: ...
    def lock(a: Path | type[Any]) -> None: ...

    for function in (positional, starred, lock):
        with pytest.raises(HandlerError, match=f"job {function.__name__}"):
            handler(job(function))


def test_a_coroutine_function_is_not_for_threads() -> None:
    async def asynchronous() -> None: ...

    with pytest.raises(HandlerError, match="thread"):
        job(thread=True)(asynchronous)


def test_a_registry_finds_the_handlers_of_modules_and_packages() -> None:
    registry = Registry.load(["relay.jobs", "tests.sample_jobs"])
    assert {"echo", "sleep", "fetch", "area", "whoami"} <= names(registry)


def test_a_name_taken_twice_is_refused_and_both_places_are_named() -> None:
    def area() -> None: ...

    with pytest.raises(HandlerError, match=r"area is declared twice: .*sample_jobs\.area and .*area"):
        Registry([sample_jobs.area, job(area)])


def load(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str, *others: str) -> Registry:
    """The handlers of a module with this text, and of others."""
    (folder / "again.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "again", raising=False)
    try:
        return Registry.load(["again", *others])
    finally:
        sys.modules.pop("again", None)


def names(registry: Registry) -> set[str]:
    return {found.options.name for found in registry}


IMPORT = "from tests.sample_jobs import area, decline\nfrom relay import job\n@job\ndef own() -> None: ...\n"


def test_the_same_handler_seen_from_two_modules_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = load(monkeypatch, tmp_path, IMPORT + "__all__ = ['area']\n", "tests.sample_jobs")
    assert {"own", "area", "whoami"} <= names(registry)


def test_a_handler_that_a_module_merely_imports_is_not_served_unless_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = load(monkeypatch, tmp_path, IMPORT)
    assert names(registry) == {"own"}
    assert registry.passed_over == ["tests.sample_jobs.area", "tests.sample_jobs.decline"]
    assert registry.only(["default"]).passed_over == registry.passed_over
    assert names(load(monkeypatch, tmp_path, IMPORT + "__all__ = ['area']\n")) == {"own", "area"}


def test_an_imported_handler_is_served_where_it_follows_another_and_not_to_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "from relay.jobs.webhook import webhook\nfrom relay import job\n@job(then=webhook)\ndef own() -> None: ...\n"
    for written in (text, text.replace("then=webhook", "then='webhook'")):
        registry = load(monkeypatch, tmp_path, written)
        assert names(registry) == {"own", "webhook"}
        assert {h.options.name for h in registry if registry.is_internal(h)} == {"webhook"}


def test_what_follows_an_imported_handler_is_served_too_and_an_own_one_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "others.py").write_text(
        "from relay import job\n@job\ndef last(outcome: dict) -> None: ...\n"
        "@job(then='last')\ndef middle(outcome: dict) -> None: ...\n"
    )
    text = (
        "from relay import job\nfrom others import middle, last as other\n"
        "@job(then='middle')\ndef first() -> None: ...\n"
    )
    assert names(load(monkeypatch, tmp_path, text)) == {"first", "middle", "last"}
    own = text + "@job\ndef last(outcome: dict) -> None: ...\n"
    registry = load(monkeypatch, tmp_path, own)
    assert names(registry) == {"first", "middle", "last"}
    last = registry.get("last")
    assert last is not None
    assert last.function.__module__ == "again"


def test_a_decorators_wrapper_is_served_where_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wraps.py").write_text(
        "def wraps(function):\n    def wrapper(a: int) -> int: return function(a)\n    return wrapper\n"
    )
    text = (
        "from wraps import wraps\nfrom relay import job\n"
        "@job(name='wrapped')\n@wraps\ndef wrapped(a: int) -> int: ...\n"
    )
    assert names(load(monkeypatch, tmp_path, text)) == {"wrapped"}


@pytest.mark.parametrize(("said", "is_internal"), [(None, True), (True, True), (False, False)])
def test_what_only_follows_is_internal_unless_it_says_otherwise(said: bool | None, is_internal: bool) -> None:
    @job(internal=said)
    def tell(outcome: dict[str, Any]) -> None: ...

    @job(then=tell)
    def plain() -> None: ...

    registry = Registry([tell, plain])
    assert [registry.is_internal(handler) for handler in registry] == [is_internal, False]
    assert [each.internal for each in served(registry)] == [is_internal, False]


def test_a_limit_is_a_rate_or_says_what_it_counts_by() -> None:
    @job(limit="50/s")
    def often() -> None: ...

    @job(limit=Limit("200/h", per="account"))
    def sometimes(account: str) -> None: ...

    assert handler(often).options.limit == Limit("50/s")
    assert Rate.parse("1000/5m") == Rate(1000, 300)
    assert Rate.parse("") == Rate()


@pytest.mark.parametrize(
    "limit", ["50", "50/w", "0/s", "1000000/s", "x/s", Limit("5/s", per="nobody"), Limit(name="A b")]
)
def test_a_limit_that_can_not_work_is_refused(limit: str | Limit) -> None:
    with pytest.raises(HandlerError, match="limit"):

        @job(limit=limit)
        def f(account: str) -> None: ...


def test_jobs_that_share_a_limit_mean_the_same_by_it() -> None:
    @job(limit=Limit("5/s", name="api"))
    def one() -> None: ...

    @job(limit=Limit("6/s", name="api"))
    def other() -> None: ...

    with pytest.raises(HandlerError, match="declare limit"):
        Registry([one, other])


def test_what_follows_a_job_can_be_named_or_given() -> None:
    def tell(outcome: dict[str, Any], loud: bool = False) -> None: ...

    told = job(tell)
    by_function, by_name = (
        job(then=told, name="one")(lambda: None),
        job(then="tell", name="two")(lambda: None),
    )
    registry = Registry([told, by_function, by_name])
    assert {h.options.then for h in registry} == {"", "tell"}


def test_what_follows_a_job_has_to_be_there_and_fit() -> None:
    def tell(text: str, outcome: Any = None) -> None: ...

    with pytest.raises(HandlerError, match="then=tell is not among these jobs"):
        Registry([job(then="tell", name="one")(lambda: None)])
    with pytest.raises(HandlerError, match="tell can't be called with the argument outcome alone"):
        Registry([job(tell), job(then=tell, name="one")(lambda: None)])
    with pytest.raises(HandlerError, match="a function without @job"):
        job(then=print, name="one")(lambda: None)
