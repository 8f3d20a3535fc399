"""The types of arguments, described as shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import UNSET, inspect

from relay.model.arguments.foreign import is_built, is_foreign, is_foreign_note
from relay.model.arguments.shape import (
    Choice,
    Either,
    Listed,
    Member,
    Number,
    Plain,
    PlainName,
    Record,
    Reference,
    Row,
    Shape,
    Shapes,
    Table,
    Text,
)


class Unsupported(Exception):
    """A type that fronts can't be told of; the message says which and what to do."""


class Fresh:
    """Makes a copy of a mutable default for each call."""

    def __init__(self, default: Any) -> None:
        self._default = default

    def __call__(self) -> Any:
        return copy.deepcopy(self._default)


def describe(arguments: type[msgspec.Struct]) -> Shapes:
    """The shapes of arguments; raises `Unsupported`."""
    found = _Found()
    found.place(inspect.type_info(arguments))
    return Shapes(tuple(found.records()))


class _Found:
    """The records met so far; a record may hold itself."""

    def __init__(self) -> None:
        self._infos: list[Any] = []

    def place(self, info: Any) -> int:
        for at, other in enumerate(self._infos):
            if other is info:
                return at
        self._infos.append(info)
        return len(self._infos) - 1

    def records(self) -> Iterator[Record]:
        for info in self._infos:  # which grows meanwhile
            yield self._record(info)

    def _record(self, info: Any) -> Record:
        _refuse_foreign_model(info.cls)
        with suppress(NameError):  # of a name that msgspec did not need
            for hint in get_type_hints(get_origin(info.cls) or info.cls, include_extras=True).values():
                refuse_foreign_notes(hint)
        members = tuple(self._member(field) for field in info.fields)
        if isinstance(info, inspect.StructType):
            return Record(members, info.forbid_unknown_fields, info.array_like, info.tag_field, info.tag)
        row = isinstance(info, inspect.NamedTupleType)
        return Record(members, closed=row, array=row)

    def _member(self, field: inspect.Field) -> Member:
        return Member(field.encode_name, self.shape(field.type), field.required, _default(field))

    def shape(self, info: Any) -> Shape:
        if isinstance(info, inspect.Metadata):
            return self.shape(info.type)
        if isinstance(info, _RECORDS):
            return Reference(self.place(info))
        make = _SHAPES.get(type(info))
        if make is None:
            name = getattr(getattr(info, "cls", None), "__name__", type(info).__name__)
            raise Unsupported(f"{name} is not a type that JSON can be decoded to")
        return make(self, info)

    def shapes(self, infos: Iterable[Any]) -> tuple[Shape, ...]:
        return tuple(self.shape(info) for info in infos)


def refuse_foreign_notes(annotation: Any) -> None:
    """Raises `Unsupported` for notes of pydantic within ``Annotated``, which would be passed over in silence."""
    notes = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    for note in notes:
        if is_foreign_note(note):
            raise Unsupported(
                f"{note!r} is not supported: use msgspec.Meta, as in Annotated[int, Meta(ge=1)]"
            )
    for part in get_args(annotation):
        if not isinstance(part, str | int | list):
            refuse_foreign_notes(part)


def _refuse_foreign_model(cls: Any) -> None:
    """A dataclass of pydantic's within a type that is not, which would be built without its checks; raises
    `Unsupported`."""
    if is_foreign(cls):
        raise Unsupported(
            f"{cls.__name__} is a dataclass of pydantic's within a type that is not pydantic's, so its checks would "
            "not be made: make the type around it a model or a dataclass of pydantic's, too"
        )


def _foreign(_: _Found, info: Any) -> Shape:
    """What pydantic builds: fronts check it with its schema alone."""
    if not is_built(info.cls):
        raise Unsupported(f"{info.cls.__name__} is not a type that JSON can be decoded to")
    return Plain("any")


def _default(field: inspect.Field) -> Any:
    made = field.default_factory() if _is_plain_factory(field.default_factory) else field.default
    if made is msgspec.NODEFAULT or made is UNSET:
        return UNSET
    try:
        return msgspec.json.decode(msgspec.json.encode(made, order="deterministic"))
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError):
        return UNSET  # the worker knows


def _is_plain_factory(factory: Any) -> bool:
    """Whether it makes the same each time (a clock or a counter would not)."""
    return isinstance(factory, Fresh) or factory in (list, dict, set, frozenset, tuple, bytearray)


def _number(_: _Found, info: Any) -> Shape:
    whole = isinstance(info, inspect.IntType)
    return Number(whole, info.gt, info.ge, info.lt, info.le, info.multiple_of)


def _text(_: _Found, info: Any) -> Shape:
    return Text(not isinstance(info, inspect.StrType), info.min_length, info.max_length)


def _listed(found: _Found, info: Any) -> Shape:
    unique = isinstance(info, inspect.SetType | inspect.FrozenSetType)
    if unique and not _is_hashable(info.item_type):
        raise Unsupported(
            "a set can't hold unhashable values (lists, dicts, sets, dataclasses that are not frozen) and types of "
            "pydantic's"
        )
    return Listed(found.shape(info.item_type), unique, info.min_length, info.max_length)


def _table(found: _Found, info: Any) -> Shape:
    if not _is_hashable(info.key_type):
        raise Unsupported("a dict can't have unhashable keys (bytearray) and types of pydantic's as keys")
    key, value = found.shape(info.key_type), found.shape(info.value_type)
    return Table(key, value, info.min_length, info.max_length)


def _is_hashable(info: Any, within: tuple[Any, ...] = ()) -> bool:
    """Whether its values can be in a set, as far as types tell (what is `Any` is found out by both sides)."""
    if type(info) in _UNHASHABLE:
        return False
    if any(info is each for each in within):
        return True
    within = (*within, info)
    if isinstance(info, _RECORDS):
        cls = get_origin(info.cls) or info.cls
        return cls.__hash__ is not None and all(_is_hashable(field.type, within) for field in info.fields)
    parts = (
        *getattr(info, "types", ()),
        *getattr(info, "item_types", ()),
        *(getattr(info, name) for name in ("item_type", "type") if hasattr(info, name)),
    )
    return all(_is_hashable(part, within) for part in parts)


def _plain(of: PlainName) -> Callable[[_Found, Any], Shape]:
    return lambda _, info: Plain(of, getattr(info, "tz", None))


_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.NamedTupleType)
_UNHASHABLE = (
    inspect.ListType,
    inspect.CollectionType,
    inspect.SetType,
    inspect.DictType,
    inspect.ByteArrayType,
    inspect.TypedDictType,
    inspect.CustomType,
    getattr(inspect, "FrozenDictType", inspect.DictType),
)
_SHAPES: dict[type, Callable[[_Found, Any], Shape]] = {
    inspect.AnyType: _plain("any"),
    inspect.CustomType: _foreign,
    inspect.RawType: _plain("any"),
    inspect.NoneType: _plain("null"),
    inspect.BoolType: _plain("bool"),
    inspect.DateType: _plain("date"),
    inspect.TimeDeltaType: _plain("timedelta"),
    inspect.UUIDType: _plain("uuid"),
    inspect.DecimalType: _plain("decimal"),
    inspect.DateTimeType: _plain("datetime"),
    inspect.TimeType: _plain("time"),
    **dict.fromkeys((inspect.IntType, inspect.FloatType), _number),
    **dict.fromkeys(
        (inspect.StrType, inspect.BytesType, inspect.ByteArrayType, inspect.MemoryViewType), _text
    ),
    **dict.fromkeys(
        (
            inspect.ListType,
            inspect.SetType,
            inspect.FrozenSetType,
            inspect.VarTupleType,
            inspect.CollectionType,
        ),
        _listed,
    ),
    inspect.TupleType: lambda found, info: Row(found.shapes(info.item_types)),
    **dict.fromkeys((inspect.DictType, getattr(inspect, "FrozenDictType", inspect.DictType)), _table),
    inspect.LiteralType: lambda _, info: Choice(tuple(info.values)),
    inspect.EnumType: lambda _, info: Choice(tuple(member.value for member in info.cls)),
    inspect.UnionType: lambda found, info: Either(found.shapes(info.types)),
}
