"""What the headers of requests and answers say of the way to relay."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import ip_address

from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.line import Conversation
from relay.doctor.promised import Promised
from relay.doctor.remedies import remedies
from relay.doctor.seen import Echo, Seen, echo_of
from relay.doctor.trials import ASKED, CLIENT, PATH

PROXIES = "docs/proxies.md"
_SOON = 14  # days until a certificate expires
#: without these relay does something else than was asked for
_NEEDED = {"authorization", "idempotency-key", "prefer", "content-type"}
#: those that a proxy may change
_CHANGES = {"traceparent"}
_PLAIN = ("Location", "Relay-Job-Id", "Relay-Source", "Retry-After", "Cache-Control")
_HELD = ("Location", "Relay-Job-Id", "Relay-Outcome", "Cache-Control")


def tls(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """The handshake, the certificate."""
    edge = seen.edge
    if not edge.tls:
        if not _is_here(seen.target.host):
            yield warn(
                "tls",
                f"{seen.target.shown} is plain HTTP",
                "everybody on the way can read tokens and results",
            )
        return
    if edge.distrust:
        yield bad("tls", f"the certificate is not trusted: {edge.distrust}", "clients refuse to connect")
    elif edge.expires:
        days = (edge.expires - time.time()) / 86_400
        saw = f"{edge.tls}; the certificate is valid for {days:.0f} more days"
        yield (
            warn("tls", saw, "clients refuse one that has expired", "renew it")
            if days < _SOON
            else fine("tls", saw)
        )
    if edge.tls in ("TLSv1", "TLSv1.1"):
        yield bad("tls", f"{edge.tls} was agreed on", "it is broken", "nginx: ssl_protocols TLSv1.2 TLSv1.3;")
    if edge.redirects == "":
        yield note(
            "redirect",
            f"http://{seen.target.host}/ does not lead to https",
            "a client that forgets the s sends its token in the clear",
        )


def http2(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """Whether phones share one connection for all that they wait for."""
    if seen.edge.http2:
        yield fine("http/2", "the edge speaks HTTP/2 with clients that want it")
    elif seen.edge.tls:
        why = "each held request takes a connection of the client's own, of which browsers have six for one host"
        yield note("http/2", "the edge speaks HTTP/1.1 only", why, see=PROXIES)


def version(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """What the fronts are spoken to in."""
    echo = _echo(seen)
    if echo.version == "1.0":
        why = "answers do not come in chunks, so one that is cut ends as a whole one does: only its JSON shows it"
        yield warn(
            "http version",
            "requests reach relay as HTTP/1.0",
            why,
            *remedies("http/1.0", seen.maker()),
            see=PROXIES,
        )
        return
    yield fine("http version", f"requests reach relay as HTTP/{echo.version}")
    if "close" in " ".join(echo.headers.get("connection", ())).lower():
        yield note(
            "kept-alive",
            "the proxy says `Connection: close` to relay",
            "each request costs a connection of its own",
            'nginx: keepalive 64; in the upstream, and proxy_set_header Connection "";',
        )


def request_headers(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """Whether all that relay reads arrives as it was sent."""
    echo = _echo(seen)
    lost = [name for name in ASKED if name.lower() not in echo.names]
    changed = [
        name
        for name, value in ASKED.items()
        if name not in lost and name.lower() not in _CHANGES and echo.headers.get(name.lower()) != [value]
    ]
    named = echo_of(seen.named)
    if named is not None and "authorization" not in named.names:
        lost.append("Authorization")
    if not lost and not changed:
        yield fine("request headers", f"{len(ASKED)} headers that relay reads arrive as they were sent")
        return
    told = [f"{', '.join(lost)} did not arrive"] * bool(lost) + [
        f"{', '.join(changed)} arrived changed"
    ] * bool(changed)
    why = "relay does not do what the client asked for"
    if "Idempotency-Key" in lost:
        why += "; without its key a request that is sent again runs the job again"
    makes = bad if any(name.lower() in _NEEDED for name in lost + changed) else warn
    yield makes("request headers", "; ".join(told), why, *remedies("request headers", seen.maker()))


def answer_headers(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """Whether all that relay says arrives."""
    lost = _missing(seen.echo, _PLAIN)
    if seen.stream is not None and seen.stream.talk.heard.status == 200:
        lost |= _missing(seen.stream.talk, _HELD)
    if lost:
        why = "clients can't find their job again (Location, Relay-Job-Id), or read an answer for what it is not"
        yield warn(
            "answer headers",
            f"{', '.join(sorted(lost))} did not come back",
            why,
            *remedies("answer headers", seen.maker()),
        )
    else:
        yield fine("answer headers", "those of relay come back")
    yield from _location(seen)


def _location(seen: Seen) -> Iterator[Diagnosis]:
    location = seen.echo.heard.header("Location") if seen.echo is not None else ""
    right = seen.target.prefix + PATH
    if location and location not in (right, f"{seen.target.scheme}://{seen.target.authority}{right}"):
        saw = f"Location is {location} for a job at {right}"
        yield bad(
            "location",
            saw,
            "clients that look at their job there do not find it",
            f"start relay with --prefix {seen.target.prefix}"
            if seen.target.prefix
            else "have the proxy leave Location as it is",
            see=PROXIES,
        )


def client_address(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """For whom relay takes a client."""
    echo, forged = _echo(seen), echo_of(seen.forged)
    if forged is not None and forged.trusted and forged.client == CLIENT:
        yield _forged(seen, echo)
    elif echo.forwarded and not echo.trusted:
        saw = (
            f"requests come through a proxy at {echo.address} ({echo.forwarded}), which relay does not trust"
        )
        yield warn(
            "client address",
            saw,
            "a closed relay refuses them, and failed attempts of all clients count as the proxy's",
            f"--trusted-proxy {echo.address}",
            see=f"{PROXIES}#who-asks",
        )
    elif not echo.forwarded and seen.maker():
        saw = f"{seen.maker()} passes requests on and does not say for whom: relay takes each for one of {echo.address}"
        yield warn(
            "client address",
            saw,
            "a relay that answers this address answers everybody",
            *remedies("no address", seen.maker()),
            see=f"{PROXIES}#who-asks",
        )
    else:
        yield fine("client address", f"relay takes this client for {echo.client}")


def _forged(seen: Seen, echo: Echo) -> Diagnosis:
    saw = f"whoever sends X-Forwarded-For: {CLIENT} is taken for {CLIENT}"
    if not echo.forwarded and not seen.maker():
        why = f"{echo.address} is a trusted proxy: if this command runs there and asked relay directly, all is well"
        return note("client address", saw, why, see=f"{PROXIES}#who-asks")
    why = "anybody can claim to be an allowed address"
    remedy = remedies("forged address", seen.maker())
    return bad("client address", saw, why, *remedy, see=f"{PROXIES}#who-asks")


def kept_alive(seen: Seen, promised: Promised) -> Iterator[Diagnosis]:
    """Whether a connection takes a second request."""
    if seen.again is not None and seen.again.heard.complete:
        yield fine("kept-alive", "a second request went over the same connection")
    else:
        yield note("kept-alive", "the connection closes after each request", "each one costs a handshake")


def _echo(seen: Seen) -> Echo:
    echo = echo_of(seen.echo)
    assert echo is not None, "without it nothing is judged"
    return echo


def _missing(talk: Conversation | None, names: tuple[str, ...]) -> set[str]:
    return {name for name in names if talk is not None and not talk.heard.header(name)}


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
