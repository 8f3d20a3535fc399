"""What a thread does at this moment, seen from another thread: for which job, and at which line."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Callable, Iterable
from contextvars import Context
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from twisted.internet import defer

import twisted
from relay.model.job import Claim
from relay.worker.current import CURRENT

_RELAY = str(Path(__file__).parent.parent) + "/"
_WORKER = str(Path(__file__).parent) + "/"
_TWISTED = str(Path(twisted.__file__).parent) + "/"
_LIBRARIES = (
    *(_RELAY, _TWISTED),
    *{sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")},
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen. `claim` is None where the code does not tell its job; `where` is ``file:line in function``."""

    claim: Claim | None
    where: str


class Origins:
    """Tells the code of an application from that of libraries.

    It is whatever is not installed as a library, and the packages of its handlers, which may be.
    """

    def __init__(self, handlers: Iterable[Callable[..., Any]]) -> None:
        self._roots = tuple({root for function in handlers if (root := _root(function))})

    def own(self, file: str) -> bool:
        """Whether a file is the application's own."""
        return file.startswith(self._roots) or not file.startswith((*_LIBRARIES, "<"))


def _root(function: Callable[..., Any]) -> str:
    """Where the package of a function is; of a module of its own, its file."""
    module = getattr(function, "__module__", None) or ""
    top, _, inner = module.partition(".")
    file = getattr(sys.modules.get(top), "__file__", None)
    if not file:
        return ""
    return str(Path(file).parent) + "/" if inner or Path(file).stem == "__init__" else file


def look(thread: int, origins: Origins) -> Sight:
    """What the thread with this ident is doing."""
    innermost = frame = sys._current_frames().get(thread)
    place: FrameType | None = None
    claim: Claim | None = None
    while frame is not None and claim is None:
        if place is None and origins.own(frame.f_code.co_filename):
            place = frame
        claim = _claim_of(frame)
        frame = frame.f_back
    shown = place or innermost
    if shown is None:
        return Sight(claim, "a place that is not known")
    return Sight(claim, f"{shown.f_code.co_filename}:{shown.f_lineno} in {shown.f_code.co_qualname}")


def _claim_of(frame: FrameType) -> Claim | None:
    """The job for which a frame runs. Only frames of relay and Twisted are looked into."""
    file = frame.f_code.co_filename
    found: Any
    if file == defer.__file__:  # it runs a coroutine or a generator, in the context that it was begun in
        contexts = (value for value in frame.f_locals.values() if isinstance(value, Context))
        found = next((context.get(CURRENT) for context in contexts), None)
    elif file.startswith(_WORKER):
        found = getattr(frame.f_locals.get("self"), "claim", None)
    else:
        return None
    return found if isinstance(found, Claim) else None
