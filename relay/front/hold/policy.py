"""How a request is held, from the operator's settings and the client's preferences."""

from __future__ import annotations

import msgspec

from relay.front.wait_request import WaitRequest
from relay.model.memo import Memo
from relay.model.settings import Settings

_MOST_REMEMBERED = 1000  # by what is preferred


class HoldPolicy(msgspec.Struct, frozen=True, gc=False):
    """How one request is held; times are seconds. `applied` has the preferences that are met."""

    wait: float
    commit: float  # when to commit; never if that is not before the end of the wait
    heartbeat: float
    true_status: bool  # a submission that ends in grace shows its outcome as its status; a look is 200
    applied: str = ""
    cancel: bool = False  # whether the job is cancelled when the client goes away


_UNKNOWN = HoldPolicy(0, 0, 0, False)
LAST_WAIT = 3.0  # seconds that a request is held if it comes while the front drains


class HoldPolicies:
    """Makes policies and caches them, because most clients prefer the same, and their holds share one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._of_submissions: Memo[WaitRequest, HoldPolicy | None] = Memo(_MOST_REMEMBERED)
        self._of_looks: Memo[WaitRequest, HoldPolicy | None] = Memo(_MOST_REMEMBERED)

    def of_submission(self, wait: WaitRequest) -> HoldPolicy | None:
        """The policy of a submission; None if the client does not want to wait."""
        known = self._of_submissions.get(wait, _UNKNOWN)
        if known is _UNKNOWN:
            known = self._of_submissions[wait] = self._make(wait, True)
        return known

    def of_look(self, wait: WaitRequest) -> HoldPolicy | None:
        """The policy of a look at an existing job."""
        known = self._of_looks.get(wait, _UNKNOWN)
        if known is _UNKNOWN:
            known = self._of_looks[wait] = self._make(wait, False)
        return known

    def streamed(self, policy: HoldPolicy) -> HoldPolicy:
        """The same for a request that is told events: it is committed at once."""
        heartbeat = policy.heartbeat or policy.wait
        return msgspec.structs.replace(policy, commit=0.0, heartbeat=heartbeat, true_status=False)

    def of_change(self, wait: WaitRequest) -> HoldPolicy:
        """The policy of a look that waits for a change: it is silent, for the change itself is the answer."""
        seconds = min(self._settings.max_wait, wait.prefer.wait or 0)
        applied = f"wait={seconds}, change" if seconds == wait.prefer.wait else "change"
        return HoldPolicy(seconds, seconds, 0, False, applied, wait.cancel)

    def at_the_end(self, policy: HoldPolicy) -> HoldPolicy:
        """The same for a request that comes while the front drains: short, and never committed."""
        wait = min(policy.wait, LAST_WAIT)
        return msgspec.structs.replace(policy, wait=wait, commit=wait, applied="")

    def _make(self, asked: WaitRequest, submission: bool) -> HoldPolicy | None:
        settings, prefer, cancel = self._settings, asked.prefer, asked.cancel
        at_once = submission and prefer.respond_async
        if submission and (prefer.wait == 0 or (at_once and prefer.wait is None)):
            return None
        wait = min(settings.max_wait, settings.max_wait if prefer.wait is None else prefer.wait)
        heartbeat = settings.heartbeat if prefer.heartbeat is None else prefer.heartbeat
        applied = [f"wait={prefer.wait}"] if prefer.wait == wait else []
        grace = min(settings.grace, settings.grace if prefer.grace is None else prefer.grace)
        if prefer.grace == grace:
            applied.append(f"grace={prefer.grace}")
        if submission and prefer.durable:
            applied.insert(0, "durable")
        if at_once:
            applied.insert(0, "respond-async")
            return HoldPolicy(min(wait, grace), wait, 0, True, ", ".join(applied), cancel)
        if prefer.heartbeat is not None:
            applied.append(f"heartbeat={prefer.heartbeat}")
        commit = grace if heartbeat else wait
        return HoldPolicy(wait, commit, heartbeat, submission, ", ".join(applied), cancel)
