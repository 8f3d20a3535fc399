"""Where the keys of an identity provider come from: a file, or an https URL.

Whatever happens to a source, the keys that were read last stay until newer ones are there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from relay.front.callers.fetched_keys import FetchedKeys
from relay.front.callers.key_set import KeySet
from relay.model.sources import SettingError
from relay.model.watched_file import read_file, stamp_of
from relay.net.documents import LARGEST, Documents
from relay.timing.recurring import recurring

LOOK = 2.0  # seconds between looks at a file


class ProviderKeys(Protocol):
    """A source of keys.

    `current`: the keys that were read last, None while there never were any · `away`: the last attempt to read them
    failed, so that newer ones may exist.
    """

    @property
    def current(self) -> KeySet | None: ...

    @property
    def away(self) -> bool: ...

    def start(self) -> None:
        """Read them now, and again from time to time."""

    def stop(self) -> None:
        """Read them no more."""

    def renew(self) -> Deferred[None] | None:
        """Somebody has a key that is not among the current ones. Fires when there may be newer ones; None if that is
        not tried now, because it was a moment ago. Never fails."""


def keys_of(reactor: IReactorTime, source: str) -> ProviderKeys:
    """The keys of ``--jwt-keys``. Raises `SettingError` for a file that can't be read, and for what is no address."""
    if source.lower().startswith("https:"):
        _check_address(source)
        return FetchedKeys(reactor, source, Documents(reactor).fetch)
    try:
        return FileKeys(reactor, Path(source))
    except (OSError, ValueError) as error:
        raise SettingError(f"--jwt-keys {source}: {error}") from error


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise SettingError(f"--jwt-keys: {error}") from error
    if not parts.hostname:
        raise SettingError("--jwt-keys: the URL has no host")
    if "@" in parts.netloc:  # which would end up in the log
        raise SettingError("--jwt-keys: the URL may not have a user or a password")


class FileKeys:
    """Keys in a file, which is read again when it changes. Raises `OSError` or `ValueError` for a file without any."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, path: Path) -> None:
        self._path = path
        self._seen = stamp_of(str(path))
        self._current = _read(path)
        self._looking = recurring(clock, self.look)
        self.away = False

    @property
    def current(self) -> KeySet:
        return self._current

    def start(self) -> None:
        """Look at the file from time to time."""
        self._looking.start(LOOK)

    def stop(self) -> None:
        """Look at it no more."""
        self._looking.stop()

    def renew(self) -> None:
        """Look at it now."""
        self.look()

    def look(self) -> None:
        """Read the file again if it has changed. One that can't be read is told once for each of its changes."""
        before, self._seen = self._seen, stamp_of(str(self._path))
        if self._seen != before:
            self._read_again()

    def _read_again(self) -> None:
        at = str(self._path)
        try:
            self._current = _read(self._path)
        except (OSError, ValueError) as error:
            said = "the keys in {at} can't be read, the previous ones stay in use: {error}"
            self._log.warn(said, at=at, error=error)
        else:
            used, of = len(self._current.keys), self._current.said
            self._log.info("{used} of {said} keys in {at} are used", used=used, said=of, at=at)


def _read(path: Path) -> KeySet:
    return KeySet.parse(read_file(str(path), LARGEST))
