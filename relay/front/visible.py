"""Which jobs a caller may know of: those that it may submit."""

from __future__ import annotations

from relay.front.catalogue import Catalogue
from relay.model.caller import Caller, JobPatterns
from relay.model.memo import Memo
from relay.submitting.offer import Offer

_MOST_REMEMBERED = 100  # kinds of callers


class VisibleJobs:
    """What the catalogue has, by what callers may call. It is looked through once for each kind of caller, and again
    when it changes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._found: Memo[tuple[int, bool, JobPatterns | None], tuple[Offer, ...]] = Memo(_MOST_REMEMBERED)

    def of(self, caller: Caller) -> tuple[Offer, ...]:
        """The jobs that this one may submit, by name."""
        asked = self._catalogue.changes, caller.local, caller.jobs
        if asked not in self._found:
            known = self._catalogue.shown(caller.local)
            self._found[asked] = tuple(offer for offer in known if caller.may_call(offer.served.name))
        return self._found[asked]
