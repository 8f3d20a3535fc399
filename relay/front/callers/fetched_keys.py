"""The keys of an identity provider, fetched from it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.datastructures import ResponseCacheControl
from werkzeug.http import parse_cache_control_header

from relay.front.callers.key_set import KeySet
from relay.net.bodies import NotFetched
from relay.net.documents import Document
from relay.timing.backoff import Backoff
from relay.timing.fork import fork
from relay.timing.timers import stop_timer

FRESH = 300.0  # seconds that keys are good for, where their answer does not say
SHORTEST, LONGEST = 60.0, 86_400.0  # bounds of what it says
AT_MOST = 10.0  # seconds between two fetches, whatever keys tokens name
AGAIN = Backoff(2.0, limit=60.0, jitter=0.3)  # after a fetch that failed


class FetchedKeys:
    """Keys at an https URL: a `ProviderKeys`. They are fetched again when they are not fresh any more, and for keys
    that are not among them."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, url: str, fetch: Callable[[str], Deferred[Document]]) -> None:
        self._clock = clock
        self._url = url
        self._where = _shown(url)
        self._fetch = fetch
        self._current: KeySet | None = None
        self._began = -AT_MOST  # the last fetch
        self._under_way: Deferred[None] | None = None  # fires when it is over
        self._fetching: Deferred[Document] | None = None
        self._timer: IDelayedCall | None = None
        self._failures = 0  # in a row
        self._runs = False

    @property
    def current(self) -> KeySet | None:
        return self._current

    @property
    def away(self) -> bool:
        return self._failures > 0

    def start(self) -> None:
        """Fetch them; nobody has to wait for that."""
        self._runs = True
        self._begin()

    def stop(self) -> None:
        """Fetch them no more; who waits for them waits no more."""
        self._runs = False
        stop_timer(self._timer)
        if self._fetching is not None:
            self._fetching.cancel()

    def renew(self) -> Deferred[None] | None:
        """All who ask meanwhile wait for the same fetch, for as long as one may take."""
        if self._under_way is None and self._runs and self._clock.seconds() - self._began >= AT_MOST:
            self._begin()
        return None if self._under_way is None else fork(self._under_way)

    def _begin(self) -> None:
        if self._under_way is not None:
            return
        stop_timer(self._timer)
        self._began = self._clock.seconds()
        self._under_way = Deferred()
        self._fetching = self._fetch(self._url)
        self._fetching.addCallback(self._arrived).addErrback(self._failed).addCallback(self._ended)

    def _arrived(self, document: Document) -> float:
        """Seconds until the next fetch."""
        new = KeySet.parse(document.body)
        used, said = len(new.keys), new.said
        if self._current is None or self._current.marks != new.marks:
            self._log.info("{used} of {said} keys at {at} are used", used=used, said=said, at=self._where)
        elif self._failures:
            self._log.info("the keys at {at} are there again", at=self._where)
        self._current, self._failures = new, 0
        return _fresh(document.cache_control)

    def _failed(self, failure: Failure) -> float:
        self._failures += 1
        if not self._runs:
            return 0.0
        if failure.check(NotFetched, ValueError) is None:
            self._log.failure("the keys at {at} could not be fetched", failure, at=self._where)
        elif self._failures == 1:
            have = "no JWT can be checked" if self._current is None else "the previous ones stay in use"
            said = "the keys at {at} can't be fetched, {have}: {why}"
            self._log.warn(said, at=self._where, have=have, why=str(failure.value))
        return AGAIN.pause(self._failures)

    def _ended(self, pause: float) -> None:
        ended, self._under_way, self._fetching = self._under_way, None, None
        if self._runs:
            self._timer = self._clock.callLater(pause, self._begin)
        if ended is not None:
            ended.callback(None)


def _fresh(cache_control: str) -> float:
    said = parse_cache_control_header(cache_control, cls=ResponseCacheControl)
    if said.no_cache or said.no_store:
        return SHORTEST
    return FRESH if said.max_age is None else min(max(said.max_age, SHORTEST), LONGEST)


def _shown(url: str) -> str:
    """An address for the log, without what may be secret in it."""
    return url.partition("?")[0]
