"""Imports modules of handlers by name, and reports a mistake in them in one line, with its place."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from relay.handlers.options import HandlerError
from relay.model.imports import told

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_MOVED = {"jobs": "relay.jobs"}  # names that were relay's own


def modules(name: str) -> Iterator[ModuleType]:
    """A module, or a package with all that is in it but its ``__main__``; raises `HandlerError`."""
    if name.endswith(".py") or not _NAME.fullmatch(name):
        raise HandlerError(_not_a_name(name))
    top = _import(name)
    yield top
    for found in pkgutil.walk_packages(getattr(top, "__path__", ()), f"{name}."):
        if not found.name.endswith(".__main__"):
            yield _import(found.name)


def _not_a_name(given: str) -> str:
    path = Path(given)
    if path.suffix != ".py":
        return f"{given!r} is not the name of a module, such as myapp.jobs"
    inside = not path.is_absolute() and ".." not in path.parts
    name = ".".join(path.with_suffix("").parts) if inside else path.stem
    where = "it is looked for in the current folder" if inside else f"with {path.parent} on PYTHONPATH"
    return f"{given!r} is a file, but modules are given by name: --jobs {name} ({where})"


def _import(name: str) -> ModuleType:
    moved = f" (relay's own are {_MOVED[name]} now)" if name in _MOVED else ""
    try:
        return import_module(name)
    except HandlerError:
        raise
    except (Exception, SystemExit) as error:  # it is the module's own code that runs
        raise HandlerError(told(name, error, __file__, moved)) from error
