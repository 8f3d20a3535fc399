"""What the parameters of functions are annotated with, names looked up."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, get_type_hints


class SignatureError(Exception):
    """A signature that a function can't have here; the message says which parameter, and why."""


def scope_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The globals of the module that a function is from."""
    return getattr(inspect.unwrap(function), "__globals__", {})


def annotation_of(parameter: inspect.Parameter, scope: dict[str, Any]) -> Any:
    """What a parameter is annotated with; `Any` without an annotation. Raises `SignatureError`."""
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
