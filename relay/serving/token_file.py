"""The file of tokens (``--tokens``), as a front watches it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from relay.model.caller import Allowance
from relay.model.sources import SettingError
from relay.model.tokens import TokenFileError, load_tokens
from relay.model.watched_file import Stamp, stamp_of
from relay.serving.known_tokens import KnownTokens


class TokenFile:
    """Its tokens are `known`. Whoever has one reads it once, and then has it look each second.

    `defaults`: what a caller may take where the file does not say · `now`: seconds since 1970 · `apart`: calls a
    function in a thread (``deferToThread``), because 10,000 tokens take half a second.
    """

    _log = Logger()

    def __init__(
        self,
        path: str,
        defaults: Allowance,
        now: Callable[[], float] = time.time,
        apart: Callable[..., Deferred[Any]] = maybeDeferred,
    ) -> None:
        self.known = KnownTokens()
        self.mark = ""  # of those tokens
        self.now = now
        self._path = path
        self._defaults = defaults
        self._apart = apart
        self._read: Stamp = None  # of the file that was read, or found to be wrong
        self._seen: Stamp = None  # at the last look

    def read(self) -> None:
        """Read it for the first time. Raises `SettingError`."""
        self._read = self._seen = stamp_of(self._path)
        try:
            self.known = self._load()
            self.mark = self.known.mark
        except TokenFileError as error:
            raise SettingError(f"--tokens {error}") from error

    def look(self) -> Deferred[None] | None:
        """Read it again if it has changed, and not since the look before: half a file is not read while it is written.
        The previous tokens stay where the file is wrong or gone. The Deferred fires when it was read."""
        before, self._seen = self._seen, stamp_of(self._path)
        if self._seen == self._read or self._seen != before:
            return None
        self._read = self._seen
        return self._apart(self._load).addCallbacks(self._take, self._keep)

    def _load(self) -> KnownTokens:
        return KnownTokens(load_tokens(self._path, self._defaults).values())

    def _take(self, known: KnownTokens) -> None:
        self.known, self.mark = known, known.mark
        self._log.info("{file} has {tokens} tokens now", file=self._path, tokens=len(known))

    def _keep(self, failure: Failure) -> None:
        failure.trap(TokenFileError)
        self._log.error(
            "--tokens {error}; the previous tokens stay valid until this is corrected", error=failure.value
        )
