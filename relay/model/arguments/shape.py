"""Shapes: the types of a job's arguments as plain data, so that fronts decode with the types that workers have.

A worker describes its types (`relay.model.arguments.describing`) and publishes the `Shapes` within the schema. A
front, which imports no handlers, makes types of its own from them (`relay.model.arguments.decoding`) that take and
refuse the same JSON. What a type does in Python (``__post_init__``, validators) is the worker's alone. Patterns are
left to the schema: fronts check them with an engine whose time is linear (`relay.model.arguments.patterns`).
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET

Bound = int | float | None
PlainName = Literal["any", "null", "bool", "date", "timedelta", "uuid", "decimal", "datetime", "time"]


class _Shape(msgspec.Struct, frozen=True, tag_field="is", omit_defaults=True, forbid_unknown_fields=True):
    pass


class Plain(_Shape, frozen=True, tag="plain"):
    """A type without parts; `zoned` is whether a datetime or time must, or must not, have a time zone."""

    of: PlainName
    zoned: bool | None = None


class Number(_Shape, frozen=True, tag="number"):
    """An integer where it is `whole`, else any number, within bounds."""

    whole: bool
    gt: Bound = None
    ge: Bound = None
    lt: Bound = None
    le: Bound = None
    multiple_of: Bound = None


class Text(_Shape, frozen=True, tag="text"):
    """A string, or Base64 of bytes; lengths in characters or bytes."""

    binary: bool = False
    least: int | None = None
    most: int | None = None


class Listed(_Shape, frozen=True, tag="list"):
    """Items of one shape, so many at least and at most."""

    item: Shape
    unique: bool = False  # a set
    least: int | None = None
    most: int | None = None


class Row(_Shape, frozen=True, tag="row"):
    """So many items, each of its own shape."""

    items: tuple[Shape, ...]


class Table(_Shape, frozen=True, tag="table"):
    """An object with any keys of one shape, and values of another; so many at least and at most."""

    key: Shape
    value: Shape
    least: int | None = None
    most: int | None = None


class Choice(_Shape, frozen=True, tag="choice"):
    """One of these values."""

    values: tuple[int | str | None, ...]


class Either(_Shape, frozen=True, tag="either"):
    """A value of any of these shapes."""

    shapes: tuple[Shape, ...]


class Reference(_Shape, frozen=True, tag="record"):
    """One of the records, by its place among them."""

    at: int


Shape = Plain | Number | Text | Listed | Row | Table | Choice | Either | Reference


class Member(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A field of a record. One that is not required has a default, or leaves it to the worker."""

    name: str
    shape: Shape
    required: bool = False
    default: Any = UNSET


class Record(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An object (or an array, by place) with members; a closed one has no others."""

    members: tuple[Member, ...]
    closed: bool = False
    array: bool = False
    tag_field: str | None = None
    tag: int | str | None = None


class Shapes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The records of a job's arguments; the first are the arguments themselves."""

    records: tuple[Record, ...]
