"""Development: a worker notices when a module of its application is edited, and asks to be replaced.

Files are looked at again and again. A file that can't be compiled is told once, and the worker goes on until it can. A
worker that can't import its handlers waits until one of their files changes.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from relay.handlers.registry import Registry, chosen
from relay.model.imports import told
from relay.model.settings import SettingError, Settings
from relay.process import reexec
from relay.timing.recurring import recurring

LOOK = 0.15  # seconds between two looks at the files
_COARSE = 0.01  # seconds by which the time of a file may be behind

_log = Logger()


class Edits:
    """What changes of some files, from its making on, or `since` a time before that (seconds since the epoch)."""

    def __init__(self, files: Iterable[str], since: float = math.inf) -> None:
        self._known = {file: _mark(file) for file in files}
        now = time.time()
        for file, mark in self._known.items():
            if mark is not None and since <= mark[0] / 1e9 <= now:
                self._known[file] = None

    def look(self) -> list[str]:
        """The files that were edited since the last look. One that was removed counts when it is there again."""
        now = {file: _mark(file) for file in self._known}
        edited = [file for file, mark in now.items() if mark is not None and mark != self._known[file]]
        self._known |= {file: mark for file, mark in now.items() if mark is not None}
        return edited


def _mark(file: str) -> tuple[int, int, int] | None:
    """What tells one state of a file from another; None where it is not there."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def loaded(own: Callable[[str], bool]) -> list[str]:
    """The files of the modules that this process has, of those that are the application's `own`."""
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return [file for file in files if isinstance(file, str) and own(file)]


class Reloading:
    """Looks at the application's files; calls `stale` once when they are edited and can be compiled."""

    def __init__(self, edits: Edits, stale: Callable[[], None]) -> None:
        self._edits = edits
        self._stale = stale
        self._broken: set[str] = set()
        self._is_stale = self._was_told = False

    def look(self) -> None:
        """To be called again and again."""
        edited = self._edits.look()
        if self._was_told or not (edited or self._is_stale):
            return
        self._is_stale = True
        self._broken = {file for file in {*self._broken, *edited} if not _compiles(file, file in edited)}
        if not self._broken:
            self._was_told = True
            self._stale()


def _compiles(file: str, is_news: bool) -> bool:
    try:
        compile(Path(file).read_bytes(), file, "exec")
    except (SyntaxError, ValueError, OSError) as error:
        if is_news:
            _log.error(
                "{why}: the handlers are not loaded again before that is corrected", why=told("", error, "")
            )
        return False
    return True


class Reloader:
    """Loads the handlers of a worker, and has an eye on their files where the settings say so. `alive` is called while
    it waits, `stale` when they are edited; without `stale` this process begins anew."""

    def __init__(
        self, settings: Settings, alive: Callable[[], None], stale: Callable[[], None] | None
    ) -> None:
        self._settings = settings
        self._alive = alive
        self._stale = stale
        self._began = time.time() - _COARSE

    def handlers(self) -> Registry:
        """Those of the settings. If they can't be imported it says so, waits until that may be corrected, and begins
        anew, or ends where there is somebody who starts another. Raises `SettingError`."""
        if self._settings.reload:
            sys.dont_write_bytecode = True  # it has whole seconds, in which a file can be edited twice
        try:
            return chosen(self._settings)
        except SettingError as error:
            if not self._settings.reload:
                raise
            sys.stderr.write(f"relay: {error}\n")
            sys.stderr.flush()
            self._wait_for_an_edit(_concerned(error))
        if self._stale is None:
            reexec.begin_anew()
        raise SystemExit(0)

    def _wait_for_an_edit(self, files: Iterable[str]) -> None:
        edits = Edits(files, self._began)
        while not edits.look():
            self._alive()
            time.sleep(LOOK)

    def install(self, reactor: Any, own: Callable[[str], bool]) -> None:
        """Have the application's `own` files looked at while the reactor runs."""
        if not self._settings.reload:
            return
        edits = Edits(loaded(own), self._began)
        looking = recurring(reactor, Reloading(edits, self._stale or partial(_begin_anew, reactor)).look)
        reactor.callWhenRunning(looking.start, LOOK)
        reactor.addSystemEventTrigger("during", "shutdown", looking.stop)


def _begin_anew(reactor: Any) -> None:
    _log.info("its modules were edited: the worker begins anew")
    reactor.addSystemEventTrigger("after", "shutdown", reexec.begin_anew)
    reactor.stop()


def _concerned(error: BaseException) -> set[str]:
    """The files in which an error came about, and those that are loaded; not those of installed packages."""
    files = {file for each in _chain(error) for file in _places(each)}
    files |= set(loaded(lambda file: True))
    return {file for file in files if not _is_installed(file)}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _places(error: BaseException) -> Iterator[str]:
    if isinstance(error, SyntaxError) and error.filename:
        yield error.filename
    frame = error.__traceback__
    while frame is not None:
        yield frame.tb_frame.f_code.co_filename
        frame = frame.tb_next


def _is_installed(file: str) -> bool:
    return file.startswith(("<", sys.base_prefix)) or "site-packages" in file
