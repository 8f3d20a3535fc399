"""A walk over a JSON Schema knows which of its values are schemas, which are names, and which are data."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from msgspec import Meta

from relay import job
from relay.front.openapi.schemas import components
from relay.handlers.declare import Handler, handler
from relay.model.problems.request import BadArguments
from relay.worker.result import described
from tests.model.arguments.sides import offer_of

#: names of arguments that are keywords of schemas, too
NAMES = ["default", "enum", "const", "examples", "required", "pattern", "format", "properties", "items"]
NAMES += ["discriminator", "description", "title", "type"]
Word = Annotated[str, Meta(pattern=r"^\S+$")]
FOR_FRONTS = r"^[^\s\x1c-\x1f\x85]+$"


class Appointment(pydantic.BaseModel):
    day: datetime


def taking(annotations: dict[str, Any]) -> Handler:
    """A handler whose arguments have these names."""
    scope: dict[str, Any] = {}
    exec(f"def takes({', '.join(annotations)}): ...", scope)
    takes = scope["takes"]
    takes.__annotations__ = annotations
    return handler(job(takes))


def told(of: Handler) -> dict[str, Any]:
    """The schemas of its arguments by name."""
    schema = of.schema()
    found: dict[str, Any] = (
        schema["$defs"]["takes"]["properties"] if "$ref" in schema else schema["properties"]
    )
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_pattern_of_an_argument_is_written_for_fronts_whatever_its_name(name: str) -> None:
    takes = taking({name: Word})
    assert told(takes)[name]["pattern"] == FOR_FRONTS
    with pytest.raises(BadArguments):
        offer_of(takes).read(msgspec.json.encode({name: "\x1c"}))


@pytest.mark.parametrize("name", NAMES)
def test_an_argument_may_be_a_model_whatever_its_name(name: str) -> None:
    takes = taking({name: Appointment})
    read = offer_of(takes).read(msgspec.json.encode({name: {"day": "2026-01-02T03:04:05"}})).text
    assert takes.decode(read)[name] == Appointment(day=datetime(2026, 1, 2, 3, 4, 5))


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_told_for_fronts_whatever_the_names_of_its_fields(name: str) -> None:
    fields: Any = {name: (datetime, ...), "other": (Annotated[str, pydantic.Field(pattern=r"^\S$")], ...)}
    model = pydantic.create_model("Model", **fields)
    parts = taking({"x": model}).schema()["$defs"].values()
    (members,) = [part["properties"] for part in parts if "other" in part["properties"]]
    assert "format" not in members[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_result_is_told_for_fronts_whatever_the_names_of_its_members(name: str) -> None:
    result = msgspec.defstruct("Result", [(name, Word)])

    def gives() -> Any: ...

    gives.__annotations__ = {"return": result}
    assert described(gives)["$defs"]["Result"]["properties"][name]["pattern"] == FOR_FRONTS  # type: ignore[index]


def test_data_stays_as_it_is() -> None:
    data = {"pattern": r"\S", "format": "duration", "$ref": "#/$defs/x"}
    noted = Annotated[dict[str, str], Meta(examples=[data], extra_json_schema={"x-more": data})]
    takes = taking({"x": noted})
    kept = {"examples": [data], "x-more": data}
    (shown,) = components(takes.schema(), "takes", "arguments", {}).values()
    for argument in (told(takes)["x"], shown["properties"]["x"]):
        assert {name: argument[name] for name in kept} == kept


def test_tags_are_names() -> None:
    """Of types that a text in them tells apart."""
    cat = msgspec.defstruct("Cat", [], tag=r"$ref")
    dog = msgspec.defstruct("Dog", [], tag=r"pattern")
    takes = taking({"default": cat | dog})
    shown = components(takes.schema(), "takes", "arguments", {})
    assert shown["takes.arguments"]["properties"]["default"]["discriminator"]["mapping"] == {
        "$ref": "#/components/schemas/takes.Cat",
        "pattern": "#/components/schemas/takes.Dog",
    }
