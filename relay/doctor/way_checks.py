"""What stands between clients and relay, by what came of the trials: all checks, in the order of telling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from relay.doctor import header_checks, time_checks
from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.header_checks import PROXIES
from relay.doctor.promised import Promised
from relay.doctor.remedies import remedies
from relay.doctor.seen import LATE, Seen, Streamed

WayCheck = Callable[[Seen, Promised], Iterator[Diagnosis]]


def heartbeats(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """Whether they come as they are sent, and at all."""
    if seen.is_full:
        saw = (
            "a front held less than was asked for: it holds as many requests as it may, or as this caller may"
        )
        remedy = "a larger --max-held, or `held` of the token"
        yield warn("heartbeats", saw, "clients get 202, and have to attach", remedy)
    held = seen.stream
    if held is None:
        return
    heard = held.talk.heard
    packed = heard.header("Content-Encoding")
    if packed:
        saw = f"a held answer came compressed ({packed}), although it says no-transform"
        why = "a compressor keeps heartbeats until it has enough, so clients and proxies see silence"
        yield bad("heartbeats", saw, why, *remedies("compression", seen.maker()), see=PROXIES)
    elif not heard.status or held.talk.is_cut:
        saw = f"a request held for {held.plan.seconds:g} s was not answered to its end: {ending(held)}"
        yield bad("heartbeats", saw, "clients get no answer")
    elif not heard.json():
        yield bad("heartbeats", f"a held request got {heard.shown}", "clients get no answer")
    else:
        yield from _beats(seen, held)


def _beats(seen: Seen, held: Streamed) -> Iterator[Diagnosis]:
    sent, came = held.plan.beats(), held.came()
    if len(came) < len(sent) - 1:
        saw = f"{len(sent)} heartbeats were sent, {len(came)} came"
        why = "something strips white space from the body: clients see silence, and give up"
        remedy = "find what rewrites bodies of application/json, and turn it off for /jobs/"
        yield bad("heartbeats", saw, why, remedy)
    else:
        yield from _late(seen, sent, came)


def _late(seen: Seen, sent: list[float], came: list[float]) -> Iterator[Diagnosis]:
    late = [at - due for due, at in zip(sent, came, strict=False)]
    worst = max(range(len(late)), key=late.__getitem__)
    if late[worst] > LATE:
        together = sum(abs(at - came[worst]) < 0.05 for at in came)
        saw = f"a heartbeat that was sent after {sent[worst]:g} s came {late[worst]:.1f} s late"
        saw += f", together with {together - 1} others" if together > 1 else ""
        why = "answers are kept back, so heartbeats keep nothing open, and outcomes come late"
        yield bad("heartbeats", saw, why, *remedies("buffering", seen.maker()), see=PROXIES)
    else:
        yield fine(
            "heartbeats", f"{len(came)} came one by one, {max(late):.2f} s after they were sent at most"
        )


def ending(held: Streamed) -> str:
    """How a request that was held ended, for people."""
    talk = held.talk
    if talk.heard.status and not talk.heard.is_of_relay:
        return f"{talk.heard.shown} after {talk.heard.head_at:.1f} s"
    if talk.ended:
        how = "the connection was closed" if talk.ended == "closed" else talk.ended.lower()
        return f"{how} after {talk.ended_at:.1f} s"
    return talk.heard.broken or "nothing came any more"


def resent(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """Whether something sends a POST again that has no key."""
    slow = seen.quiet.arrivals if seen.quiet is not None else 0
    why = "it is unknown whether the first one was accepted, so the job runs twice"
    if seen.resent > 1:
        saw = (
            f"a POST without a key came to fronts {seen.resent} times after its connection was cut, sent once"
        )
        yield bad("resent", saw, why, *remedies("resent", seen.maker()), see=PROXIES)
    elif slow > 1:
        saw = f"a POST without a key that waited for its answer came to fronts {slow} times, sent once"
        yield bad("resent", saw, why, *remedies("resent", seen.maker()), see=PROXIES)
    elif seen.resent == 0:
        yield note(
            "resent",
            "no front that could be asked knew of a POST that was cut",
            "it is unknown whether such requests are sent again",
        )
    else:
        yield fine("resent", "a POST without a key came once, although its connection was cut")


def body(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """How large one may be."""
    refusal = seen.refusal.heard if seen.refusal is not None else None
    if refusal is None:
        yield fine("body", f"{seen.most_body:,} bytes came through, which is relay's limit")
    elif refusal.is_of_relay:
        yield note(
            "body",
            f"relay refuses {seen.least_refused:,} bytes ({refusal.status}) and takes {seen.most_body:,}",
            "its limit, or that of this caller, is lower than was assumed",
        )
    else:
        saw = f"a body of {seen.least_refused:,} bytes got {refusal.shown}, one of {seen.most_body:,} came through"
        yield bad(
            "body",
            saw,
            f"relay takes {promised.body_limit:,} bytes (--body-limit)",
            *remedies("body", seen.maker()),
            see=PROXIES,
        )


def large_body(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """What is said of a body that relay does not take."""
    if seen.large is None or (seen.refusal is not None and not seen.refusal.heard.is_of_relay):
        return
    heard = seen.large.heard
    if not heard.status:
        why = "the client does not learn why, and may try again for ever"
        yield warn(
            "too large",
            f"a body above the limit got no answer that could be read ({seen.large.ended})",
            why,
            "nginx: client_max_body_size above --body-limit, so that relay refuses once all of it is there",
            see=PROXIES,
        )
    elif heard.status == 413 and heard.is_of_relay:
        yield fine("too large", "a body above the limit gets relay's 413")
    else:
        yield note(
            "too large",
            f"a body above the limit gets {heard.shown}",
            "it has another form than relay's problems",
            "nginx: error_page 413, as in deploy/nginx.conf",
        )


def expect(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """``Expect: 100-continue``, which curl sends with larger bodies."""
    if seen.expecting is None:
        return
    heard = seen.expecting.heard
    if 100 in heard.interim and heard.status == 200:
        yield fine("expect", "100 Continue comes before a body is sent")
    elif heard.status == 200:
        yield note(
            "expect",
            "100 Continue does not come",
            "curl and others wait for a second before they send a larger body",
        )
    else:
        yield warn(
            "expect",
            f"a request with Expect: 100-continue got {heard.shown}",
            "curl sends it with larger bodies",
        )


def fronts(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """How many answered."""
    yield note("fronts", f"{len(seen.fronts)} front{'s' * (len(seen.fronts) != 1)} answered")


WAY_CHECKS: tuple[WayCheck, ...] = (
    header_checks.tls,
    header_checks.http2,
    header_checks.version,
    header_checks.kept_alive,
    header_checks.request_headers,
    header_checks.answer_headers,
    header_checks.client_address,
    heartbeats,
    time_checks.silence,
    time_checks.total,
    resent,
    body,
    large_body,
    expect,
    fronts,
)


def judge(seen: Seen, promised: Promised) -> list[Diagnosis]:
    """What all checks say."""
    return [diagnosis for check in WAY_CHECKS for diagnosis in check(seen, promised)]
