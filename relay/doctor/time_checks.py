"""What cuts answers after a time: after silence, or after a time in all, whatever comes."""

from __future__ import annotations

from collections.abc import Iterator

from relay.doctor.diagnosis import Diagnosis, bad, fine, note
from relay.doctor.promised import Promised
from relay.doctor.remedies import remedies
from relay.doctor.seen import Seen, Streamed

_NEAR = 1.0  # seconds between two cuts that are the same
_SLACK, _LATE = 1.25, 0.5  # by which factor, and by how many seconds, heartbeats may be late
_EARLY = 2.0  # seconds before a cut in all by which relay should have answered
_PLATFORMS = "docs/platforms.md#what-is-between"


def cut_after(held: Streamed | None) -> float | None:
    """After how many seconds it was cut, or answered by something in between; None if it was not."""
    if held is None:
        return None
    talk, heard = held.talk, held.talk.heard
    if heard.status and not heard.is_of_relay:
        return heard.head_at
    return talk.ended_at if talk.is_cut else None


def silence(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """How long nothing may come: before the head, and after it."""
    if seen.quiet is None:
        why = (
            "no front had room for it"
            if seen.is_full
            else "the other trials took all the time that was given"
        )
        yield note(
            "silence", "it was not tried how long an answer may be silent", why, "give more with --most"
        )
        return
    cuts = [(cut, how) for cut, how in _cuts(seen) if not _is_total(seen, cut)]
    if not cuts:
        seconds = seen.quiet.plan.seconds
        yield fine(
            "silence", f"nothing was cut in {seconds:g} s of silence; longer ones were not tried (--most)"
        )
        return
    cut, how = min(cuts)
    saw = f"an answer that was silent {how} was cut after {cut:.1f} s"
    if cut > promised.longest_silence * _SLACK + _LATE:
        why = f"relay's heartbeats come each {promised.heartbeat:g} s, so only clients that want none are cut"
        yield fine("silence", f"{saw}: {why}")
        return
    own = f"--grace {promised.grace:g}, --heartbeat {promised.heartbeat:g}"
    why = f"relay is silent for {promised.longest_silence:g} s ({own})"
    below = max(0.5, int(cut / 2))
    own = f"or, of relay's own, --grace {below:g} --heartbeat {below:g}"
    yield bad("silence", saw, why, *remedies("silence", seen.maker()), own, see=_PLATFORMS)


def total(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """How long an answer may take in all."""
    if seen.beating is None:
        return
    cut, plan = cut_after(seen.beating), seen.beating.plan
    if cut is None:
        saw = f"an answer with heartbeats lasted for {plan.seconds:g} s"
        if plan.seconds >= promised.max_wait:
            yield fine("total", f"{saw}, which is all of --max-wait")
        else:
            yield fine("total", f"{saw}; up to --max-wait ({promised.max_wait:g} s) was not tried (--most)")
        return
    saw = f"an answer with a heartbeat each {plan.every:g} s was cut after {cut:.1f} s"
    why = f"relay holds requests for {promised.max_wait:g} s (--max-wait): a client gets no end after the cut"
    own = f"or, of relay's own, --max-wait {max(1, int(cut - _EARLY))}: clients then attach again"
    yield bad("total", saw, why, *remedies("total", seen.maker()), own, see=_PLATFORMS)


def _cuts(seen: Seen) -> Iterator[tuple[float, str]]:
    for held, how in ((seen.quiet, "from the start"), (seen.quiet_body, "after its head")):
        cut = cut_after(held)
        if cut is not None:
            yield cut, how


def _is_total(seen: Seen, cut: float) -> bool:
    """Whether heartbeats do not help against this cut."""
    at = cut_after(seen.beating)
    return at is not None and at < cut + _NEAR
