"""Types made from published shapes: they take and refuse the same JSON as the types that a worker has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, ForwardRef, Literal, Union
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from relay.model.arguments.shape import (
    Choice,
    Either,
    Listed,
    Member,
    Number,
    Plain,
    Record,
    Reference,
    Row,
    Shape,
    Shapes,
    Table,
    Text,
)

_PLAIN: dict[str, Any] = {
    "any": Any,
    "null": None,
    "bool": bool,
    "date": date,
    "timedelta": timedelta,
    "uuid": UUID,
    "decimal": Decimal,
    "datetime": datetime,
    "time": time,
}


class ArgumentsType:
    """The type of a job's arguments; raises whatever comes of shapes that make no sense.

    `decode`: from JSON, with defaults filled in; raises `msgspec.ValidationError`.
    """

    def __init__(self, shapes: Shapes) -> None:
        self._holders: list[type[msgspec.Struct]] = []  # of defaults that are decoded later
        records = [self._record(at, record) for at, record in enumerate(shapes.records)]
        for struct in (*records, *self._holders):
            for at, record_type in enumerate(records):
                setattr(struct, _name(at), record_type)  # where msgspec looks for the names in annotations
        arguments = records[0]
        self.decode: Callable[[bytes], msgspec.Struct] = msgspec.json.Decoder(arguments).decode
        self._fields = {
            field.encode_name: (field.name, _default_of(field)) for field in msgspec.structs.fields(arguments)
        }

    def value(self, arguments: msgspec.Struct, name: str) -> Any:
        """An argument by its name; `UNSET` for one that is not there."""
        field = self._fields.get(name)
        return getattr(arguments, field[0]) if field else UNSET

    def given(self, arguments: msgspec.Struct) -> dict[str, Any]:
        """The arguments that are not what their defaults are."""
        values = ((name, getattr(arguments, at), default) for name, (at, default) in self._fields.items())
        return {
            name: value
            for name, value, default in values
            if value is not UNSET and (type(value) is not type(default) or value != default)
        }

    def _record(self, at: int, record: Record) -> type[msgspec.Struct]:
        return msgspec.defstruct(
            _name(at),
            [(f"m{place}", *self._field(member)) for place, member in enumerate(record.members)],
            rename={f"m{place}": member.name for place, member in enumerate(record.members)},
            forbid_unknown_fields=record.closed,
            array_like=record.array,
            tag_field=record.tag_field,
            tag=record.tag,
            frozen=True,
            kw_only=True,
        )

    def _field(self, member: Member) -> tuple[Any, ...]:
        annotation = _annotation(member.shape)
        if member.required:
            return (annotation,)
        if member.default is UNSET:
            return Union[annotation, UnsetType], UNSET  # noqa: UP007 - of a name that is not there yet
        if isinstance(member.default, list | dict):
            return annotation, msgspec.field(default_factory=self._later(annotation, member.default))
        return annotation, _converted(member)

    def _later(self, annotation: Any, default: Any) -> Callable[[], Any]:
        """Decodes a default once the records are there."""
        holder = msgspec.defstruct("Holder", [("value", annotation)])
        self._holders.append(holder)
        return cache(lambda: msgspec.convert({"value": default}, holder, str_keys=True).value)  # type: ignore[attr-defined]


def _converted(member: Member) -> Any:
    try:
        return msgspec.convert(member.default, _either(_single(member.shape)))
    except msgspec.ValidationError as error:
        raise ValueError(f"the default of {member.name} does not fit: {error}") from error


def _default_of(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _name(at: int) -> str:
    return f"Record{at}"


def _annotation(shape: Shape) -> Any:
    match shape:
        case Plain(of, None):
            return _PLAIN[of]
        case Plain(of, zoned):
            return Annotated[_PLAIN[of], Meta(tz=zoned)]
        case Number():
            return _number(shape)
        case Text(binary, least, most):
            return _sized(bytes if binary else str, least, most)
        case Listed(item, unique, least, most):
            inner = _annotation(item)
            kind = frozenset[inner] if unique else tuple[inner, ...]  # type: ignore[valid-type]
            return _sized(kind, least, most)
        case Row(items):
            return tuple[tuple(_annotation(item) for item in items)]  # type: ignore[misc]
        case Table(key, value, least, most):
            return _sized(dict[_annotation(key), _annotation(value)], least, most)  # type: ignore[misc]
        case Choice(values):
            return Literal[values]
        case Either(shapes):
            return _either(shapes)
        case Reference(at):
            return ForwardRef(_name(at))


def _number(shape: Number) -> Any:
    bounds = {
        name: bound
        for name in ("gt", "ge", "lt", "le", "multiple_of")
        if (bound := getattr(shape, name)) is not None
    }
    kind = int if shape.whole else float
    return Annotated[kind, Meta(**bounds)] if bounds else kind


def _sized(kind: Any, least: int | None, most: int | None) -> Any:
    return kind if least is most is None else Annotated[kind, Meta(min_length=least, max_length=most)]


def _either(shapes: Iterable[Shape]) -> Any:
    return Union[tuple(_annotation(shape) for shape in shapes)]  # noqa: UP007 - as many as there are


def _single(shape: Shape) -> Iterator[Shape]:
    """The shapes among these that a null, a boolean, a number or a string can be of."""
    for each in shape.shapes if isinstance(shape, Either) else (shape,):
        if not isinstance(each, Listed | Row | Table | Reference):
            yield each
