"""Handlers whose words are heard: what they report, leave and raise is kept, and they notice nothing of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import CoroutineType
from typing import Any
from weakref import WeakValueDictionary

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from relay.handlers import MARK, handler
from relay.handlers.context import Context
from relay.handlers.planned import without_schedule
from relay.solo.kept import KeptJob
from relay.worker.current import CURRENT
from relay.worker.result import encode

#: the jobs whose handlers are heard, by id
KEPT: WeakValueDictionary[str, KeptJob] = WeakValueDictionary()


class Overheard:
    """What a worker gives to a handler, with an ear for what the handler says."""

    def __init__(self, attached: Any, kept: KeptJob) -> None:
        self._attached = attached
        self._kept = kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attached, name)

    def progress(self, fraction: float, message: str) -> None:
        """Kept, and passed on."""
        self._kept.progress.append((fraction, message))
        self._kept.on_progress(fraction, message)
        self._attached.progress(fraction, message)

    def checkpoint(self, value: Any) -> Deferred[None]:
        """Likewise."""
        made: Deferred[None] = self._attached.checkpoint(value)
        self._kept.checkpoints.append(value)
        return made

    def emit(self, data: Any) -> Deferred[None]:
        """Likewise."""
        made: Deferred[None] = self._attached.emit(data)
        self._kept.emitted.append(msgspec.json.decode(encode(data)))
        return made


def heard(function: Callable[..., Any], fired: bool = False) -> Callable[..., Any]:
    """A handler like another; what it does is kept with its job, as long as that is in `KEPT`. It has its schedule if
    it is to be `fired`."""
    return _heard(function, id(getattr(function, MARK)), fired)


@functools.lru_cache(maxsize=512)
def _heard(function: Callable[..., Any], mark: int, fired: bool) -> Callable[..., Any]:
    """The same for the same mark."""
    takes = handler(function).context

    @functools.wraps(function)
    def call(**arguments: Any) -> Any:
        kept = KEPT[CURRENT.get().id]
        if takes and isinstance(arguments[takes], Context):
            context = arguments[takes]
            arguments[takes] = replace(context, _attached=Overheard(context._attached, kept))
        try:
            made = function(**arguments)
        except BaseException as error:
            kept.errors.append(error)
            raise
        return _followed(made, kept)

    if not fired:
        setattr(call, MARK, without_schedule(getattr(function, MARK)))
    return call


def _followed(made: Any, kept: KeptJob) -> Any:
    if type(made) is CoroutineType:
        return _awaited(made, kept)
    if issubclass(type(made), Deferred):
        made.addErrback(_keep, kept)
    return made


async def _awaited(made: Coroutine[Any, Any, Any], kept: KeptJob) -> Any:
    try:
        return await made
    except GeneratorExit:
        raise
    except BaseException as error:
        kept.errors.append(error)
        raise


def _keep(failure: Failure, kept: KeptJob) -> Failure:
    if failure.value is not None:
        kept.errors.append(failure.value)
    return failure
