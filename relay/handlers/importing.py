"""Imports modules of handlers by name, and reports a mistake in them in one line, with its place."""

from __future__ import annotations

import os
import pkgutil
import re
import site
import sysconfig
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from relay.handlers.options import HandlerError

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_MOVED = {"jobs": "relay.jobs"}  # names that were relay's own
_MOST_CALLERS = 4  # of the place where it went wrong
_MOST = 500  # characters of another's words


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
    try:
        return import_module(name)
    except HandlerError:
        raise
    except SyntaxError as error:
        raise HandlerError(f"{_shown(error.filename)} line {error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:  # it is the module's own code that runs
        raise HandlerError(_told(name, error)) from error


def _told(name: str, error: BaseException) -> str:
    """What went wrong, and where in code that is not installed: the place, then those that it was called from."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__
        and not frame.filename.startswith("<frozen")
        and Path(frame.filename).parent.name != "importlib"
    ]
    said = " ".join(str(error).split())[:_MOST]
    if not frames and isinstance(error, ModuleNotFoundError):
        moved = f" (relay's own are {_MOVED[name]} now)" if name in _MOVED else ""
        return f"{said}: {name} is neither in the current folder nor installed{moved}"
    if not isinstance(error, ImportError):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    own = [frame for frame in frames if not _is_installed(frame.filename)] or frames[-1:]
    if not own:
        return f"{name}: {said}"
    *before, last = (f"{_shown(frame.filename)} line {frame.lineno}" for frame in own)
    callers = ", ".join(before[: -_MOST_CALLERS - 1 : -1])
    return f"{last}: {said}" + (f" (called from {callers})" if callers else "")


def _is_installed(filename: str) -> bool:
    places = (sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages())
    return any(filename.startswith(place + os.sep) for place in places)


def _shown(filename: str | None) -> str:
    """A file, from the current folder where it is within."""
    if not filename:
        return "?"
    path = Path(filename)
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
