"""The terms on which a request is held, from the operator's settings and the client's preferences."""

from __future__ import annotations

import msgspec

from relay.front.prefer import Preferences
from relay.settings import Settings

_MOST_REMEMBERED = 1000  # by what is preferred


class Terms(msgspec.Struct, frozen=True, gc=False):
    """How one request is held; times are seconds. `applied` has the preferences that are met."""

    wait: float
    commit: float  # when to commit; never if that is not before the end of the wait
    heartbeat: float
    true_status: bool  # a submission that ends in grace shows its outcome as its status; a look is 200
    applied: str = ""
    cancel: bool = False  # the job, when the client goes away


LAST_WAIT = 3.0  # seconds that a request is held which comes while the front drains


class TermsBook:
    """Makes terms and caches them, because most clients prefer the same, and holds with equal terms share them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[tuple[Preferences, bool, bool], Terms | None] = {}

    def of_submission(self, prefer: Preferences, cancel: bool) -> Terms | None:
        """The terms of a submission; None if the client does not want to wait."""
        return self._remember(prefer, cancel, True)

    def of_look(self, prefer: Preferences, cancel: bool) -> Terms | None:
        """The terms of a look at an existing job."""
        return self._remember(prefer, cancel, False)

    def at_the_end(self, terms: Terms) -> Terms:
        """The same for a request that comes while the front drains: short, and never committed."""
        wait = min(terms.wait, LAST_WAIT)
        return msgspec.structs.replace(terms, wait=wait, commit=wait, applied="")

    def _remember(self, prefer: Preferences, cancel: bool, submission: bool) -> Terms | None:
        asked = prefer, cancel, submission
        if asked not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[asked] = self._make(*asked)
        return self._known[asked]

    def _make(self, prefer: Preferences, cancel: bool, submission: bool) -> Terms | None:
        settings = self._settings
        at_once = submission and prefer.respond_async
        if submission and (prefer.wait == 0 or (at_once and prefer.wait is None)):
            return None
        wait = min(settings.max_wait, settings.max_wait if prefer.wait is None else prefer.wait)
        heartbeat = settings.heartbeat if prefer.heartbeat is None else prefer.heartbeat
        applied = [f"wait={prefer.wait}"] if prefer.wait == wait else []
        grace = min(settings.grace, settings.grace if prefer.grace is None else prefer.grace)
        if prefer.grace == grace:
            applied.append(f"grace={prefer.grace}")
        if at_once:
            applied.insert(0, "respond-async")
            return Terms(min(wait, grace), wait, 0, True, ", ".join(applied), cancel)
        if prefer.heartbeat is not None:
            applied.append(f"heartbeat={prefer.heartbeat}")
        commit = grace if heartbeat else wait
        return Terms(wait, commit, heartbeat, submission, ", ".join(applied), cancel)
