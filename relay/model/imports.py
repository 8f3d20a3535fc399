"""Modules of somebody else's: where they are found, and what went wrong in one, in a line with its place."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import traceback
from pathlib import Path

_MOST_CALLERS = 4  # of the place where it went wrong
_MOST = 500  # characters of another's words


def find_in_current_folder() -> None:
    """Have modules found where relay was started, in which twistd does not look."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())


def told(name: str, error: BaseException, importer: str, hint: str = "") -> str:
    """What went wrong, and where in code that is not installed: the place, then those that it was called from.

    `name`: of the module · `importer`: the file that has imported it, which is none of these places · `hint`: what else
    to say of a module that does not exist.
    """
    if isinstance(error, SyntaxError):
        return f"{_shown(error.filename)} line {error.lineno}: {error.msg}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != importer
        and not frame.filename.startswith("<frozen")
        and Path(frame.filename).parent.name != "importlib"
    ]
    said = " ".join(str(error).split())[:_MOST]
    if not frames and isinstance(error, ModuleNotFoundError):
        return f"{said}: {name} is neither in the current folder nor installed{hint}"
    if not isinstance(error, ImportError):
        said = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return _placed(name, frames, said)


def _placed(name: str, frames: list[traceback.FrameSummary], said: str) -> str:
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
