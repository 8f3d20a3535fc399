"""The operator's own check of who calls (``--callers module:object``): imported, and held to what it promises."""

from __future__ import annotations

from collections.abc import Awaitable
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec

from relay.front.callers.check import CallerCheck, RequestHead, subject_of
from relay.model.caller import FREE, Allowance, Caller
from relay.model.imports import find_in_current_folder, told
from relay.model.problems.caller import Forbidden
from relay.model.sources import SettingError


def load(text: str, defaults: Allowance = FREE) -> CallerCheck:
    """The check that ``module:object`` is, or makes when it is called without arguments. A caller that it gives no
    limits has those of `defaults`. Raises `SettingError`."""
    name, _, path = text.partition(":")
    found = _find(_import(name), name, path)
    check = found if _is_check(found) else _make(found, text)
    if not _is_check(check):
        raise SettingError(f"--callers: {text} is not a check: it has no method identify(request)")
    return CustomCheck(check, text, defaults)


class CustomCheck:
    """Asks the operator's check, which need not have `recall`, and refuses what is not a `Caller`. A request with
    ``Relay-Subject`` is for that user, or it is refused."""

    def __init__(self, check: Any, name: str, defaults: Allowance = FREE) -> None:
        self._recall = getattr(check, "recall", None)
        self._identify = check.identify
        self._name = name
        self._defaults = None if defaults == FREE else defaults
        #: of `Authorization`, that the check takes
        self.schemes: tuple[str, ...] = tuple(getattr(check, "schemes", ("Bearer",)))

    def recall(self, request: RequestHead) -> Caller | None:
        """What the check remembers."""
        return None if self._recall is None else self._checked(self._recall(request), request)

    def identify(self, request: RequestHead) -> Caller | Awaitable[Caller | None] | None:
        """What the check finds out."""
        found = self._identify(request)
        return self._late(found, request) if isinstance(found, Awaitable) else self._checked(found, request)

    async def _late(self, found: Awaitable[Any], request: RequestHead) -> Caller | None:
        return self._checked(await found, request)

    def _checked(self, found: Any, request: RequestHead) -> Caller | None:
        if found is None:
            return None
        if not isinstance(found, Caller):
            raise TypeError(f"--callers {self._name} must say a Caller or None, not a {type(found).__name__}")
        if ":" not in found.owner:  # relay's own: a user called * would own all jobs
            raise ValueError(f"--callers {self._name}: an owner is made with owner_of_subject, as sub:alice")
        named = subject_of(request)
        if named and named != found.owner:  # else the jobs of all its users would be those of one owner
            raise Forbidden("this caller may not act for the user that Relay-Subject names")
        limited = found if self._defaults is None else _limited(found, self._defaults)
        is_counted = limited.name or limited.allowance == FREE
        return limited if is_counted else msgspec.structs.replace(limited, name=limited.owner)


def _limited(caller: Caller, defaults: Allowance) -> Caller:
    own = caller.allowance
    allowance = Allowance(
        own.rate if own.rate.calls else defaults.rate,
        own.held or defaults.held,
        own.queued or defaults.queued,
        own.body or defaults.body,
    )
    return msgspec.structs.replace(caller, allowance=allowance)


def _is_check(found: Any) -> bool:
    return not isinstance(found, type) and callable(getattr(found, "identify", None))


def _import(name: str) -> ModuleType:
    find_in_current_folder()
    try:
        return import_module(name)
    except (Exception, SystemExit) as error:  # it is the operator's own code that runs
        raise SettingError(f"--callers: {told(name, error, __file__)}") from error


def _find(module: ModuleType, name: str, path: str) -> Any:
    found: Any = module
    for part in path.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise SettingError(f"--callers: {name} has no {path}")
    return found


def _make(maker: Any, text: str) -> Any:
    if not callable(maker):
        return maker
    try:
        return maker()
    except (Exception, SystemExit) as error:
        raise SettingError(f"--callers: {text} can't be made: {told(text, error, __file__)}") from error
