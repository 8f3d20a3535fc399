"""Rules by which something went wrong in the last minute, by what processes counted: each finds one kind of trouble."""

from __future__ import annotations

from collections.abc import Iterator

from relay.operations.figures import figures_of
from relay.operations.finding import BAD, NOTE, WARNING, Finding, Looks, time_of
from relay.telemetry.metrics import METRICS

FEW = 5  # of anything: too few to say something of them
FAILING = 0.1  # of attempts, by relay's own problems: a mistake, or something that is missing
MOSTLY = 0.5
SLOW, VERY_SLOW = 2.0, 10.0  # seconds that a call takes on average
SLOWER = 3  # times as slow as before
ALIKE = 0.7  # of the clients that went away
RESTARTS = 3
_LEFT = "relay_abandoned_age_seconds"
#: what to do about a problem, by how its slug begins
_REMEDIES = (
    (
        "upstream-",
        "look at that API: its own status page, curl from the worker's machine; jobs wait for nothing else",
    ),
    ("job-timeout", "see what it waits for: relay job ID; then what it calls, or its timeout"),
    ("worker-died", "the log names its workers' ends (has ended); run it alone: relay run"),
    (
        "",
        "the log has each traceback: grep {problem} and {name}; since a deploy? roll back, then relay reload",
    ),
)
#: the same of limits that no setting of a caller has
_OF_LIMITS = {
    "failures": "it sends credentials that are not valid: a token that was revoked, or somebody who tries"
}


def failing(looks: Looks) -> Iterator[Finding]:
    """Jobs whose attempts fail."""
    attempts = looks.minute.totals("relay_attempts_total", 0)
    for (name, problem), times in looks.minute.totals("relay_failures_total").items():
        of = attempts.get((name,), 0.0)
        if times >= FEW and times >= FAILING * of:
            remedy = next(text for begin, text in _REMEDIES if problem.startswith(begin))
            yield Finding(
                BAD if times >= MOSTLY * of else WARNING,
                f"{times:.0f} of {of:.0f} attempts at {name} in the last minute failed: {problem}",
                remedy.format(name=name, problem=problem),
                f"name:{name}",
            )


def not_provable(looks: Looks) -> Iterator[Finding]:
    """Durable jobs that nobody takes: those of clients, of other jobs, and of schedules, which stay due."""
    for (name,), times in looks.minute.totals("relay_not_provable_total").items():
        yield Finding(
            BAD if times >= FEW else WARNING,
            f"durable jobs of {name} are not taken, {_times(times)} in the last minute: nothing can prove that they "
            "are kept; clients hear not-durable, schedules stay due",
            "relay doctor --redis URL says what is missing (its line durable): a replica, or a Redis that writes each "
            "change to its disk (docs/durable.md)",
            f"name:{name}",
        )


def upstreams(looks: Looks) -> Iterator[Finding]:
    """APIs that are slow, or are not called because they failed."""
    for host in looks.minute.open_breakers():
        yield Finding(
            WARNING,
            f"calls to {host} are refused, because it failed ten times in a row",
            "see what it answers: relay_upstream_requests_total; calls begin again by themselves",
        )
    before = looks.minute.means_before("relay_upstream_seconds")
    for labels, (count, mean) in looks.minute.means("relay_upstream_seconds").items():
        usual = before.get(labels, (0, 0.0))[1]
        if count >= FEW and (mean >= VERY_SLOW or (usual and mean >= max(SLOW, SLOWER * usual))):
            was = f", before {usual:.2g} s" if usual else ""
            yield Finding(
                WARNING,
                f"calls to {labels[0]} take {mean:.2g} s on average in the last minute{was}",
                "look at that API's own status page; jobs that call it hold places of workers meanwhile: relay workers",
            )


def under_way(looks: Looks) -> Iterator[Finding]:
    """APIs that do not answer: calls that have not ended are in no count."""
    before = looks.minute.means_before("relay_upstream_seconds")
    for each in figures_of(looks.minute.snapshots).upstreams:
        usual = before.get((each.host,), (0, 0.0))[1]
        if each.open >= FEW and each.oldest >= max(VERY_SLOW, SLOWER * usual):
            was = f"; before, it took {usual:.2g} s" if usual else ""
            yield Finding(
                WARNING,
                f"{each.open} calls to {each.host} are under way, and one has had no answer for "
                f"{each.oldest:.0f} s{was}",
                "look at that API's own status page; jobs that call it hold places of workers meanwhile: relay workers",
            )


def stalls(looks: Looks) -> Iterator[Finding]:
    """Handlers that do not let go of the reactor."""
    named = looks.minute.totals("relay_job_stalls_total")
    for (name,), times in named.items():
        yield Finding(
            WARNING,
            f"{name or 'a handler'} blocked its worker {_times(times)} in the last minute: all jobs there stood still",
            "the log names the line (has been blocked): declare it @job(thread=True), or see with which arguments",
            f"name:{name}" if name else "",
        )


def restarts(looks: Looks) -> Iterator[Finding]:
    """Processes that end by themselves."""
    ended = looks.minute.totals("relay_restarts_total")
    for role in ("front", "worker"):
        exited, killed = (ended.get((role, how), 0.0) for how in ("exited", "killed"))
        if exited or killed:
            yield Finding(
                BAD if exited + killed >= RESTARTS else WARNING,
                f"{role}s ended {_times(exited + killed)} in the last minute, without being told to, and were "
                "started again",
                _EXITED if exited > killed else _KILLED.format(suspects=_suspects(looks)),
            )


_EXITED = (
    "they gave up by themselves: the log says why, just above \"ended (\". A handler's module that can't be imported? "
    "Roll back, then relay reload"
)
_KILLED = (
    'a signal ended them: the log says which, and what they ran: grep "ended (". {suspects}Signal 9 without another '
    "line is the kernel's (out of memory: journalctl -k) or somebody's kill"
)


def _suspects(looks: Looks) -> str:
    """Names of jobs that died, perhaps because they end their workers."""
    before = {name.name: name.dead for name in looks.before.names} if looks.before else {}
    died = [name.name for name in looks.now.names if name.dead > before.get(name.name, 0)]
    if not died:
        return ""
    return f"Jobs of {died[0]} died: if of worker-died (relay dead list --name {died[0]}), it is they. "


def clients_cut(looks: Looks) -> Iterator[Finding]:
    """Held clients that go away at one and the same age."""
    counts, bounds = looks.minute.counts(_LEFT), METRICS[_LEFT].buckets
    most = max(counts, default=0)
    at = counts.index(most) if most else 0
    if most >= FEW and most >= ALIKE * sum(counts) and 0 < at < len(bounds):
        yield Finding(
            WARNING,
            f"{most} held clients went away in the last minute after {bounds[at - 1]:g} to {bounds[at]:g} s each: "
            "something on the way cuts silent connections, or it is how long the clients wait",
            "relay doctor --url URL, from where clients are, finds what; its read timeout has to be longer than "
            "--grace and --heartbeat (docs/proxies.md)",
        )


def limited(looks: Looks) -> Iterator[Finding]:
    """Callers that their limits refuse, as they are meant to."""
    for (caller, limit), times in looks.minute.totals("relay_limited_total").items():
        if times >= FEW:
            yield Finding(
                NOTE,
                f"{caller} is at its limit ({limit}): {times:.0f} requests refused in {time_of(60)}",
                _OF_LIMITS.get(
                    limit, f"is that meant? If it may have more, raise `{limit}` of it in the file of tokens"
                ),
                f"caller:{caller}",
            )


def _times(times: float) -> str:
    return "once" if times == 1 else f"{times:.0f} times"
