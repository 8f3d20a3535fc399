"""The places of a worker with several sessions, one in each partition of the store, lent for one turn at a time.

::

    place is free ──▶ those that may find work, first who was lent places longest ago ──▶ turn, wants its part of them
                                                                                             │ answer, or none in time
    the rest is free again ◀── claims take places ◀──────────────────────────────────────────┘

A session that the store wakes is not asked. A turn without an answer keeps its places for a short time only, so that a
partition that is away keeps none from the others; jobs that it claims all the same are given back.

A suspect runs alone in the whole worker: the session that says it is alone (see ``lua/suspects.lua``) is lent all
places, and the others none, until it says otherwise. Of several that want to be alone each has its turn.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import count

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from relay.store.messages import Turned
from relay.timing.timers import stop_timer
from relay.worker.claiming import ClaimRunner
from relay.worker.share import Share

LATE = 2.0  # seconds after which a turn without an answer keeps no places from the others
ALONE = 60.0  # seconds for which a session may be alone whose partition is away


class Lending:
    """Lends the places of `runner`. `shares` are those of all sessions."""

    def __init__(self, clock: IReactorTime, runner: ClaimRunner) -> None:
        self._clock = clock
        self._runner = runner
        self.shares: Sequence[Share] = ()
        self._alone: Share | None = None
        self._alone_since = 0.0
        self._has_tried = False  # a suspect, since it is alone
        self._alone_next: deque[Share] = deque()
        self._turns = count(1)
        self._soon: IDelayedCall | None = None  # when places are offered
        self._later: IDelayedCall | None = None  # when it is looked at who is late
        self._is_stopped = False

    # -- what the shares ask --

    def offer(self, share: Share) -> int:
        """How many places a share would be lent now."""
        if self._alone not in (None, share):
            return 0
        free = self._free(share)
        rivals = self._rivals(share)
        part = math.ceil(free / (1 + len(rivals) + sum(other.is_opening for other in self.shares)))
        if self._alone is share:
            return 0 if self._makes_way(share) else max(0, part)
        ahead = sum(other.served < share.served for other in rivals)
        return max(0, min(free - ahead, part))

    def borrow(self, share: Share, want: int) -> int:
        """Lend so many of them for a turn that begins now."""
        share.lent = min(want, self.offer(share)) if want else 0
        share.since = self._clock.seconds()
        if self._later is None and not self._is_stopped:
            self._later = self._clock.callLater(LATE, self._look_who_is_late)
        return share.lent

    def answered(self, share: Share, lent: int, turned: Turned) -> None:
        """A turn was answered: its claims have their places as soon as the session has seen them. What was claimed late
        does not begin beside a suspect."""
        claims = len(turned.claims)
        self.is_here(share)
        share.lent = claims
        if lent:
            share.served = next(self._turns)
        share.is_eager = turned.more or turned.alone or claims >= lent
        is_suspect = turned.alone and claims > 0
        share.may_begin = self._alone in (None, share) and not (is_suspect and self._busy_beside(share))
        self._hear(share, turned.alone, is_suspect)
        self.look()

    def unanswered(self, share: Share) -> None:
        """A turn was of no use."""
        share.is_here, share.is_opening, share.since, share.lent = False, False, None, 0
        self.look()

    def opens(self, share: Share) -> None:
        """A session is being opened: others leave it its part, unless this takes long."""
        self.borrow(share, 0)
        share.is_here, share.is_opening = False, True

    def is_here(self, share: Share) -> None:
        """A partition has answered."""
        share.is_here, share.is_opening, share.since = True, False, None

    def others(self, share: Share) -> int:
        """As `Turn.others`."""
        busy = self._busy_beside(share)
        return busy if self._alone is share or busy else -1

    def ended(self, share: Share) -> None:
        """A job of a share has ended."""
        if self._alone is not None:
            self.look()

    # -- offers --

    def look(self) -> None:
        """Offer what is free, once what happens now is over."""
        if self._soon is None and not self._is_stopped:
            self._soon = self._clock.callLater(0, self._offer_all)

    def stop(self) -> None:
        """Offer nothing more."""
        self._is_stopped = True
        for timer in (self._soon, self._later):
            stop_timer(timer)

    def _offer_all(self) -> None:
        self._soon = None
        for share in self.shares:
            if share.since is None:
                share.lent = 0  # what was claimed has its places
        self._end_what_is_away()
        for share in sorted(self.shares, key=lambda share: share.served):
            if share.waits() and self._may_go(share) and self.offer(share):
                share.session.nudge()

    def _may_go(self, share: Share) -> bool:
        """Who empties the worker has nothing to say before that is done."""
        return self._alone is not share or not (self._busy_beside(share) or share.begun)

    def _rivals(self, share: Share) -> list[Share]:
        return [other for other in self.shares if other is not share and other.waits()]

    def _free(self, share: Share) -> int:
        lent = sum(other.lent for other in self.shares if other is not share)
        return self._runner.room() - lent - sum(other.session.not_begun for other in self.shares)

    def _busy_beside(self, share: Share) -> int:
        """Jobs of other shares, and places that these are lent."""
        others = (other for other in self.shares if other is not share)
        return sum(len(other.begun) + other.session.not_begun + other.lent for other in others)

    def _look_who_is_late(self) -> None:
        self._later = None
        under_way = [share for share in self.shares if share.since is not None and not share.is_late]
        for share in under_way:
            if self._clock.seconds() - (share.since or 0.0) >= LATE:
                share.is_here, share.is_opening, share.lent = False, False, 0
                self.look()
        if any(not share.is_late for share in under_way):
            self._later = self._clock.callLater(LATE, self._look_who_is_late)

    # -- who is alone --

    def _hear(self, share: Share, is_alone: bool, is_suspect: bool) -> None:
        """What a share's answer says of it."""
        if self._alone is share:
            self._has_tried = self._has_tried or is_suspect
            if not is_alone:
                self._end_alone()
        elif is_alone and self._alone is None:
            self._be_alone(share)
        elif is_alone:
            if share not in self._alone_next:
                self._alone_next.append(share)
            share.session.nudge()  # another worker may try what it found meanwhile

    def _makes_way(self, share: Share) -> bool:
        """Whether one that is alone tries no other suspect yet, because others wait, too."""
        return self._has_tried and not share.begun and bool(self._rivals(share))

    def _be_alone(self, share: Share | None) -> None:
        self._alone, self._alone_since, self._has_tried = share, self._clock.seconds(), False

    def _end_alone(self) -> None:
        self._be_alone(None)
        while self._alone_next and self._alone is None:
            share = self._alone_next.popleft()
            if share.is_here:
                share.is_eager = True
                self._be_alone(share)

    def _end_what_is_away(self) -> None:
        """A share whose partition is away is alone only as long as its suspect runs, and that not for ever."""
        share = self._alone
        if share is None or share.is_here:
            return
        if not share.begun or self._clock.seconds() - self._alone_since > ALONE:
            self._end_alone()
