"""Types of pydantic among arguments: pydantic says their JSON Schema, which fronts check, and workers build and check
them with pydantic itself.

pydantic is not imported here: a type of its own can't be without it, so it is there when it is needed. msgspec, which
decodes all other types, is given such a type as one that it does not know, with a hook that builds it.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from relay.model.arguments.patterns import UnlikePattern, for_fronts
from relay.model.arguments.subschemas import Schema, rewritten

PACKAGES = ("pydantic", "pydantic_core", "annotated_types")
_MARKS = ("__pydantic_validator__", "__pydantic_core_schema__", "__get_pydantic_core_schema__")
_FORMATS = ("date", "uuid", "ipv4", "ipv6")  # that say the same to fronts and to pydantic
_DEFS = "#/$defs/"
PREFIX_OF_PARTS = "pydantic."  # of the names of its parts in a schema, which msgspec's have not
_MOST = 5  # errors that are told


class _Adapted(type):
    """Of classes that stand for a type of pydantic's: values of any class are theirs."""

    adapter: Any

    def __instancecheck__(cls, value: object) -> bool:
        return True


def is_foreign(cls: Any) -> bool:
    """Whether a class is of a kind that pydantic builds: a model, a dataclass of its own, a type such as `HttpUrl`."""
    return isinstance(cls, type) and any(hasattr(cls, mark) for mark in _MARKS)


def is_built(cls: Any) -> bool:
    """Whether `build` makes values of a class that msgspec does not know."""
    return isinstance(cls, _Adapted) or is_foreign(cls)


def is_foreign_note(note: Any) -> bool:
    """Whether something in ``Annotated`` is for pydantic."""
    return type(note).__module__.partition(".")[0] in PACKAGES


def adapted(annotation: Any) -> Any:
    """The annotation with what is pydantic's in it replaced by classes that msgspec takes. A union that has some of it
    is pydantic's as a whole."""
    if not _has_foreign(annotation):
        return annotation
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated and not any(map(is_foreign_note, parts[1:])):
        return Annotated[(adapted(parts[0]), *parts[1:])]
    if origin in (None, Annotated, Union, UnionType):
        return _adapted_class(annotation)
    return origin[tuple(map(adapted, parts))] if not is_foreign(origin) else _adapted_class(annotation)


def build(cls: Any, value: Any) -> Any:
    """The hook for what msgspec does not know: a value of JSON as what pydantic makes of it. Raises `ValueError`, which
    says where the value does not fit, and not what it is."""
    try:
        return _adapter(cls).validate_json(json.dumps(value))
    except ValueError as error:
        errors = getattr(error, "errors", None)
        if errors is None:
            raise
        told = errors(include_url=False, include_context=False, include_input=False)
        raise ValueError("; ".join(map(_told, told[:_MOST]))) from None


class ForeignSchemas:
    """The schemas of pydantic's types, put into one that has references in their place."""

    def __init__(self) -> None:
        self._classes: list[Any] = []

    def refer(self, cls: Any) -> Schema:
        """The hook for what msgspec does not know. Raises `NotImplementedError` for what pydantic does not, either."""
        if not is_built(cls):
            raise NotImplementedError
        self._classes.append(cls)
        return {"$ref": f"{PREFIX_OF_PARTS}{len(self._classes) - 1}"}

    def put_into(self, schema: Schema) -> Schema:
        """The schema with pydantic's own in place of the references."""
        if not self._classes:
            return schema
        asked = [(at, "validation", _adapter(cls)) for at, cls in enumerate(self._classes)]
        made = _pydantic().TypeAdapter.json_schemas(asked, ref_template=f"{_DEFS}{PREFIX_OF_PARTS}{{model}}")
        found = {f"{PREFIX_OF_PARTS}{at}": _for_fronts(each) for (at, _), each in made[0].items()}
        parts = {PREFIX_OF_PARTS + name: _for_fronts(each) for name, each in made[1].get("$defs", {}).items()}
        placed = _placed(schema, found)
        return {**placed, "$defs": {**placed.get("$defs", {}), **parts}}


def _has_foreign(annotation: Any) -> bool:
    if is_foreign(annotation):
        return True
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal or isinstance(annotation, str):
        return False
    if origin is Annotated and "pydantic" in sys.modules and any(map(is_foreign_note, parts[1:])):
        return True
    within = parts[:1] if origin is Annotated else parts
    return is_foreign(origin) or any(map(_has_foreign, within))


def _adapted_class(annotation: Any) -> Any:
    adapter = _pydantic().TypeAdapter(annotation)
    return _Adapted(getattr(annotation, "__name__", "Foreign"), (), {"adapter": adapter})


def _adapter(cls: Any) -> Any:
    return cls.adapter if isinstance(cls, _Adapted) else _adapter_of(cls)


@cache
def _adapter_of(cls: Any) -> Any:
    """For a model within a type that is not pydantic's."""
    return _pydantic().TypeAdapter(cls)


def _pydantic() -> Any:
    return sys.modules["pydantic"]


def _told(error: dict[str, Any]) -> str:
    place = ".".join(map(str, error["loc"]))
    return f"{place}: {error['msg']}" if place else str(error["msg"])


def _placed(schema: Schema, found: dict[str, Schema]) -> Schema:
    """With the schema of each reference; what stands beside the reference goes before what it has itself."""

    def placed(part: Schema) -> Schema:
        named = part.get("$ref", "")
        return {**found[named], **{k: v for k, v in part.items() if k != "$ref"}} if named in found else part

    made: Schema = rewritten(schema, placed)
    return made


def _for_fronts(schema: Any) -> Any:
    """Without what fronts would understand otherwise: they leave that to pydantic."""
    return rewritten(schema, _left)


def _left(schema: Schema) -> Schema:
    if isinstance(schema.get("format"), str) and schema["format"] not in _FORMATS:
        del schema["format"]
    if isinstance(schema.get("pattern"), str):
        try:
            schema["pattern"] = for_fronts(schema["pattern"])
        except UnlikePattern:
            del schema["pattern"]
    return schema


def written(value: Any) -> Any:
    """A value of pydantic's as plain data for JSON; raises `TypeError` for any other value."""
    if not is_foreign(type(value)):
        raise TypeError(f"a {type(value).__name__} can't be written as JSON")
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    return sys.modules["pydantic_core"].to_jsonable_python(value)
