"""The parameters of a handler: their names, types and defaults, and which of them takes the `Context`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from relay.handlers.annotations import SignatureError, annotation_of, scope_of
from relay.handlers.context import Context
from relay.handlers.shared import Make, needs, shared_by
from relay.model.arguments.describing import Fresh, Unsupported, refuse_foreign_notes
from relay.model.arguments.foreign import adapted, build, is_foreign
from relay.model.arguments.schema import published

_MUTABLE = (list, dict, set, bytearray)


@dataclass(frozen=True, slots=True)
class Signature:
    """What a handler takes: its arguments as a type, as they are published, the name of the parameter that wants the
    `Context` ("" for none), and the parameters that get what is shared, with what makes it."""

    arguments: type[msgspec.Struct]
    schema: dict[str, Any]
    context: str
    shared: tuple[tuple[str, Make], ...] = ()

    def argument_named(self, name: str) -> bool:
        """Whether there is an argument of this name, which is not given by relay."""
        return name != self.context and all(name != given for given, _ in self.shared)


@lru_cache(maxsize=512)
def read(function: Callable[..., Any], name: str) -> Signature:
    """The signature of a job's function; raises `SignatureError`."""
    fields: list[Any] = []
    shared: list[tuple[str, Make]] = []
    context = ""
    for parameter, annotation in _parameters(function):
        if _is_context(annotation):
            if context:
                raise SignatureError(f"{context} and {parameter.name} both take the Context")
            context = parameter.name
        elif (make := shared_by(annotation)) is not None:
            needs(make)
            shared.append((parameter.name, make))
        else:
            fields.append(_field(parameter, annotation))
    arguments = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
    try:
        return Signature(arguments, published(arguments), context, tuple(shared))
    except Unsupported as error:
        raise SignatureError(str(error)) from error


def _parameters(function: Callable[..., Any]) -> Iterator[tuple[inspect.Parameter, Any]]:
    scope = scope_of(function)
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
        yield parameter, annotation_of(parameter, scope)


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
        annotation = adapted(annotation)
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
    is_mutable = isinstance(default, _MUTABLE) or is_foreign(type(default))
    return msgspec.field(default_factory=Fresh(default)) if is_mutable else default


def _check_default(parameter: inspect.Parameter, annotation: Any) -> None:
    if is_foreign(type(parameter.default)):  # built by pydantic, and so checked
        return
    try:
        msgspec.json.decode(msgspec.json.encode(parameter.default), type=annotation, dec_hook=build)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError) as error:
        hint = "; annotate it with … | None" if parameter.default is None else ""
        raise SignatureError(
            f"argument {parameter.name}: its default {parameter.default!r} does not fit: {error}{hint}"
        ) from error
