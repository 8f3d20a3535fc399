"""The checks of who calls that the settings ask for, and the files and addresses that they are read from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet.threads import deferToThreadPool

from relay.front.callers.check import CallerCheck
from relay.front.callers.tokens import TokenCheck
from relay.model.caller import Allowance
from relay.model.caller_settings import CallerSettings
from relay.model.limits import Rate
from relay.serving.token_file import TokenFile
from relay.timing.recurring import RecurringWork, recurring

if TYPE_CHECKING:
    from relay.front.callers.keys import ProviderKeys

LOOK = 1.0  # seconds between looks at the file of tokens


class CallerSources:
    """Makes the `checks`, in the order in which they are asked. Raises `SettingError` for what can't be read."""

    def __init__(self, reactor: Any, settings: CallerSettings) -> None:
        self._reactor = reactor
        self._keys: list[ProviderKeys] = []
        self._looking: list[RecurringWork] = []
        self._file: TokenFile | None = None
        self.checks: tuple[CallerCheck, ...] = tuple(self._make(settings))

    def _make(self, settings: CallerSettings) -> Iterator[CallerCheck]:
        defaults = allowance_of(settings)
        if settings.tokens:
            yield self._tokens(settings, defaults)
        if settings.jwt_keys:
            yield self._jwt(settings, defaults)
        if settings.callers:
            from relay.front.callers.custom import load

            yield load(settings.callers, defaults)

    def _tokens(self, settings: CallerSettings, defaults: Allowance) -> CallerCheck:
        def apart(function: Any) -> Any:
            return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), function)

        self._file = file = TokenFile(settings.tokens, defaults, apart=apart)
        file.read()
        self._looking.append(recurring(self._reactor, file.look))
        return TokenCheck(file)

    def _jwt(self, settings: CallerSettings, defaults: Allowance) -> CallerCheck:
        from relay.front.callers.jwt import JwtCheck  # which imports much that others do not need
        from relay.front.callers.keys import keys_of

        keys = keys_of(self._reactor, settings.jwt_keys)
        self._keys.append(keys)
        return JwtCheck(settings, keys, defaults)

    def mark(self) -> str:
        """What tells the tokens of this front from those of another; "" where it has none."""
        return self._file.mark if self._file is not None else ""

    def start(self) -> None:
        """Keep them up to date from now on."""
        for work in self._looking:
            work.start(LOOK)
        for keys in self._keys:
            keys.start()

    def stop(self) -> None:
        """Leave them as they are."""
        for work in self._looking:
            work.stop()
        for keys in self._keys:
            keys.stop()


def allowance_of(settings: CallerSettings) -> Allowance:
    """What a caller may take that has nothing of its own."""
    return Allowance(Rate.parse(settings.caller_rate), settings.caller_held, settings.caller_queued)
