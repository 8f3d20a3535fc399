"""The parameters of a handler: their names, types and defaults, and which of them takes the `Context`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from relay.handlers.context import Context
from relay.model.arguments.describing import Fresh, Unsupported, refuse_foreign_notes
from relay.model.arguments.schema import published

_MUTABLE = (list, dict, set, bytearray)


class SignatureError(Exception):
    """A signature that a job can't have; the message says which parameter, and why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes: its arguments as a type, as they are published, and the name of the parameter that wants
    the `Context` ("" for none)."""

    arguments: type[msgspec.Struct]
    schema: dict[str, Any]
    context: str


@lru_cache(maxsize=512)
def read(function: Callable[..., Any], name: str) -> Signature:
    """The signature of a job's function; raises `SignatureError`."""
    fields: list[Any] = []
    context = ""
    for parameter, annotation in _parameters(function):
        if _is_context(annotation):
            if context:
                raise SignatureError(f"{context} and {parameter.name} both take the Context")
            context = parameter.name
        else:
            fields.append(_field(parameter, annotation))
    arguments = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
    try:
        return Signature(arguments, published(arguments), context)
    except Unsupported as error:
        raise SignatureError(str(error)) from error


def _parameters(function: Callable[..., Any]) -> Iterator[tuple[inspect.Parameter, Any]]:
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name.startswith("__"):
            raise SignatureError(f"{parameter.name} is not a name that an argument can have")
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise SignatureError(
                f"{parameter} takes arguments without names, but arguments are passed by name "
                "(if a decorator adds it, use functools.wraps there)"
            )
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise SignatureError(f"{parameter.name} is positional-only, but arguments are passed by name")
        yield parameter, _annotation(parameter, scope)


def _annotation(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    """What a parameter is annotated with, names looked up; `Any` without an annotation."""
    if parameter.annotation is parameter.empty:
        return Any
    try:
        return looked_up(parameter.annotation, scope)
    except NameError as error:
        raise SignatureError(
            f"argument {parameter.name}: {error}; its annotation needs it when relay runs "
            "(import the name at the top of the module, outside of `if TYPE_CHECKING`)"
        ) from error
    except Exception as error:  # annotations are code of the module's own
        raise SignatureError(f"argument {parameter.name}: its annotation can't be read: {error}") from error


def looked_up(annotation: Any, scope: dict[str, Any]) -> Any:
    """An annotation with its names looked up in the globals of its module; raises what its code raises."""
    holder = SimpleNamespace(__annotations__={"it": annotation})
    return get_type_hints(holder, scope, include_extras=True)["it"]


def _is_context(annotation: Any) -> bool:
    """Whether it is `Context`, ``Context | None``, or one of these with notes."""
    if get_origin(annotation) is Annotated:
        return _is_context(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return {*get_args(annotation)} == {Context, NoneType}
    return annotation is Context


def _field(parameter: inspect.Parameter, annotation: Any) -> tuple[Any, ...]:
    """As `msgspec.defstruct` wants it, tried alone so that what is wrong can be told of this argument."""
    try:
        refuse_foreign_notes(annotation)
        alone = msgspec.defstruct("arguments", [(parameter.name, annotation)])
        published(alone)
    except Exception as error:  # of msgspec's own kinds, or of what types do when they are looked at
        raise SignatureError(f"argument {parameter.name}: {error}") from error
    if parameter.default is parameter.empty:
        return parameter.name, annotation
    _check_default(parameter, annotation)
    return parameter.name, annotation, _default(parameter)


def _default(parameter: inspect.Parameter) -> Any:
    default = parameter.default
    return msgspec.field(default_factory=Fresh(default)) if isinstance(default, _MUTABLE) else default


def _check_default(parameter: inspect.Parameter, annotation: Any) -> None:
    try:
        msgspec.json.decode(msgspec.json.encode(parameter.default), type=annotation)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        hint = "; annotate it with … | None" if parameter.default is None else ""
        raise SignatureError(
            f"argument {parameter.name}: its default {parameter.default!r} does not fit: {error}{hint}"
        ) from error
