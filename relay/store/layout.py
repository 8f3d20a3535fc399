"""A record: the order of the values in a row, or in an array that is kept, for Python and for Lua."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FunctionType
from typing import Any, Protocol, TypeVar

Reader = TypeVar("Reader", bound=Callable[..., object])


class Constants(Protocol):
    """What Lua knows by a name: ``Name.member`` stands for a literal, ``Name{field = …}`` for a row."""

    def literal(self, member: str) -> str:
        """Raises `LookupError`."""

    def row(self, given: Mapping[str, str]) -> str:
        """The same of a row, from the Lua text of its fields."""


class Layout:
    """`fields` in their order; `defaults` are the Lua texts of those that a row may leave out."""

    head: tuple[str, ...] = ()  # fields that Python's readers don't get

    def __init__(self, fields: str | Iterable[str], **defaults: str) -> None:
        self.fields = (*self.head, *(fields.split() if isinstance(fields, str) else fields))
        self.defaults = defaults

    def literal(self, member: str) -> str:
        """A field's position, from 1 on, or ``COUNT``, how many there are. A word that Lua keeps to itself is written
        with ``_`` behind it."""
        return str(len(self.fields) if member == "COUNT" else self._position(_plain(member)))

    def row(self, given: Mapping[str, str]) -> str:
        """A Lua table of this record. Raises `LookupError` for a field that it does not have, or that is left out."""
        found = {**self.defaults, **{_plain(field): value for field, value in given.items()}}
        for field in found:
            self._position(field)
        missing = [field for field in self.fields if field not in found]
        if missing:
            raise LookupError(f"a row leaves out {', '.join(missing)}")
        return "{" + ", ".join(found[field] for field in self.fields) + "}"

    def rows(self, flat: Sequence[Any]) -> zip[tuple[Any, ...]]:
        """The rows of a list that has the values of all of them, one after the other."""
        return zip(*[iter(flat)] * len(self.fields), strict=True)

    def reads(self, function: Reader) -> Reader:
        """Marks a function whose last parameters are the fields; raises `TypeError` where they are others."""
        assert isinstance(function, FunctionType)
        code, taken = function.__code__, self.fields[len(self.head) :]
        if code.co_varnames[: code.co_argcount][-len(taken) :] != taken:
            raise TypeError(f"{function.__name__} does not take {', '.join(taken)}")
        return function

    def _position(self, field: str) -> int:
        if field not in self.fields:
            raise LookupError(f"there is no field {field!r} among {', '.join(self.fields)}")
        return self.fields.index(field) + 1


def _plain(field: str) -> str:
    return field.removesuffix("_")


class ReplyLayout(Layout):
    """What a verb answers: its status and time go in front, and are read by the partition."""

    head = ("status", "now", "seq")

    def __init__(self, fields: str, **defaults: str) -> None:
        super().__init__(fields, status="'OK'", now="now", seq="seq", **defaults)


class Literals:
    """Constants that are not positions."""

    def __init__(self, members: Mapping[str, object]) -> None:
        self._members = {name: lua(value) for name, value in members.items()}

    def literal(self, member: str) -> str:
        if member not in self._members:
            raise LookupError(f"there is no {member!r} among {', '.join(self._members)}")
        return self._members[member]

    def row(self, given: Mapping[str, str]) -> str:
        raise LookupError("constants do not make a row")


def lua(value: object) -> str:
    """A plain value as Lua writes it."""
    match value:
        case None:
            return "nil"
        case bool():
            return str(value).lower()
        case str() if "'" not in value and "\\" not in value and "\n" not in value:
            return f"'{value}'"
        case int():
            return str(value)
    raise TypeError(f"no literal of Lua's for {value!r}")
