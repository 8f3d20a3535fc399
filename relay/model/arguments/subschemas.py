"""A walk over a JSON Schema. It goes by the keywords that have schemas in them: what else there is may be names or data
that look like a schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
#: keywords whose value is a schema, or a list of them
_SCHEMAS = {
    *("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "contains", "items", "prefixItems"),
    *("additionalProperties", "propertyNames", "contentSchema", "unevaluatedItems", "unevaluatedProperties"),
}
#: keywords whose value has schemas by names that can be any
_BY_NAME = {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}


def rewritten(schema: Any, change: Callable[[Schema], Schema]) -> Any:
    """A schema, with each schema in it and at last itself changed so; `change` is given a copy of the outermost level,
    and may return it. What is no object (true, false) stays."""
    if not isinstance(schema, dict):
        return schema
    return change({key: _value(key, value, change) for key, value in schema.items()})


def _value(key: str, value: Any, change: Callable[[Schema], Schema]) -> Any:
    if key in _BY_NAME and isinstance(value, dict):
        return {name: rewritten(each, change) for name, each in value.items()}
    if key in _SCHEMAS and isinstance(value, list):
        return [rewritten(each, change) for each in value]
    return rewritten(value, change) if key in _SCHEMAS else value
