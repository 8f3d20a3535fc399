"""What the shapes of arguments tell beyond their schema: which texts are times.

The schema of a time that may have a time zone or none is just a text. Here it is one with a format, so that readers
know what to send, and generated clients have a type for it. (That relay also takes one without a time zone, no format
says.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from relay.front.openapi.parts import Part
from relay.model.arguments.schema import KEYWORD
from relay.model.arguments.shape import Either, Listed, Plain, Record, Reference, Row, Shape, Shapes, Table

_DEFS = "#/$defs/"
_FORMATS = {"datetime": "date-time", "time": "time"}


def with_formats(published: Part) -> Part:
    """The schema of arguments with the formats of its times; as it is where it has no shapes."""
    try:
        shapes = msgspec.convert(published.get(KEYWORD), Shapes)
    except msgspec.ValidationError:
        return published
    walk = _Walk(shapes.records, published.get("$defs", {}))
    root = walk.formed(published, Reference(0))
    return {**root, "$defs": walk.defs}


class _Walk:
    """Goes through a schema and the shapes of the same arguments side by side."""

    def __init__(self, records: tuple[Record, ...], defs: Mapping[str, Part]) -> None:
        self._records = records
        self._seen: set[str] = set()
        self.defs = dict(defs)

    def formed(self, part: Any, shape: Shape) -> Any:
        """A schema with the formats that this shape knows of."""
        if not isinstance(part, dict):
            return part
        name = str(part.get("$ref", "")).removeprefix(_DEFS)
        if name in self.defs:
            if name not in self._seen:
                self._seen.add(name)
                self.defs[name] = self.formed(self.defs[name], shape)
            return part
        return self._formed(part, shape)

    def _formed(self, part: Part, shape: Shape) -> Part:
        match shape:
            case Plain(of, _) if of in _FORMATS and part.get("type") == "string":
                return {"format": _FORMATS[of], **part}
            case Reference(at):
                return self._record(part, self._records[at])
            case Listed(item):
                return self._within(part, "items", item)
            case Table(_, value):
                return self._within(part, "additionalProperties", value)
            case Row(items):
                return self._row(part, "prefixItems", items)
            case Either(shapes):
                return self._either(part, shapes)
        return part

    def _record(self, part: Part, record: Record) -> Part:
        if record.array:
            return self._row(part, "prefixItems", tuple(member.shape for member in record.members))
        shapes = {member.name: member.shape for member in record.members}
        members = part.get("properties", {})
        formed = {
            name: self.formed(each, shapes[name]) if name in shapes else each
            for name, each in members.items()
        }
        return {**part, "properties": formed} if members else part

    def _within(self, part: Part, key: str, shape: Shape) -> Part:
        return {**part, key: self.formed(part[key], shape)} if key in part else part

    def _row(self, part: Part, key: str, shapes: tuple[Shape, ...]) -> Part:
        parts = part.get(key, [])
        if len(parts) != len(shapes):
            return part
        return {**part, key: [self.formed(each, shape) for each, shape in zip(parts, shapes, strict=True)]}

    def _either(self, part: Part, shapes: tuple[Shape, ...]) -> Part:
        """Of a union only one can be a text; which of its schemas belongs to which other shape is not known."""
        times = [shape for shape in shapes if isinstance(shape, Plain) and shape.of in _FORMATS]
        if not times or "anyOf" not in part:
            return part
        formed = [
            self.formed(each, times[0]) if each.get("type") == "string" else each for each in part["anyOf"]
        ]
        return {**part, "anyOf": formed}
