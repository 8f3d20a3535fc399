"""What a worker publishes of a job's arguments, and how fronts read it; workers read it too, to see that it can be."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jsonschema_rs
import msgspec

from relay.model.arguments import patterns
from relay.model.arguments.decoding import ArgumentsType
from relay.model.arguments.describing import Unsupported, describe
from relay.model.arguments.foreign import ForeignSchemas
from relay.model.arguments.shape import Shapes

KEYWORD = "x-relay-shapes"  # of a published schema
MASK = "the value"  # stands in messages for what was sent
_LINEAR = jsonschema_rs.RegexOptions()  # an engine whose time does not explode


def published(arguments: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of these arguments, with their shapes. Raises `Unsupported` for types that fronts
    could not read."""
    try:
        shapes = describe(arguments)
        foreign = ForeignSchemas()
        own = patterns.schema_for_fronts(msgspec.json.schema(arguments, schema_hook=foreign.refer))
        schema = foreign.put_into(own)
        schema[KEYWORD] = msgspec.to_builtins(shapes)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unsupported(_first_line(error).rstrip(":")) from error
    try:
        validator(schema)
        decoder(schema)
    except Exception as error:  # a bad pattern, bounds that no number has: whatever fronts would stumble over
        raise Unsupported(f"fronts can't check it: {_first_line(error)}") from error
    return dict(schema)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """Checks JSON against a schema; raises whatever comes of a schema that is not one."""
    return jsonschema_rs.validator_for(
        schema, _FORMATS, validate_formats=True, pattern_options=_LINEAR, retriever=_refuse, mask=MASK
    )


def of_arguments(schema: dict[str, Any]) -> dict[str, Any]:
    """The part of a published schema that describes all arguments as one object."""
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    found: dict[str, Any] = schema.get("$defs", {}).get(name, schema)
    return found


def validator_of(schema: dict[str, Any], argument: str) -> jsonschema_rs.Validator:
    """Checks one argument against its part of a published schema; one that is not described fits."""
    described = of_arguments(schema).get("properties", {}).get(argument, {})
    return validator({**described, "$defs": schema.get("$defs", {})})


def _is_duration(text: str) -> bool:
    """What workers decode, and write themselves: with fractions and a sign, without weeks, months and years."""
    try:
        msgspec.convert(text, timedelta)
    except msgspec.ValidationError:
        return False
    return True


_FORMATS = {"duration": _is_duration}  # whose own meaning is another one


def _refuse(uri: str) -> Any:
    raise ValueError(f"a schema refers to {uri}: parts of it that lie elsewhere are not fetched")


def decoder(schema: dict[str, Any]) -> ArgumentsType | None:
    """Decodes arguments; None for a schema without shapes. Raises whatever comes of shapes that make no sense."""
    shapes = schema.get(KEYWORD)
    return ArgumentsType(msgspec.convert(shapes, Shapes)) if shapes is not None else None
