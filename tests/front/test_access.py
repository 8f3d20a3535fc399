"""Who may call a closed relay: by address, by name, by proof."""

from __future__ import annotations

import time
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from relay.front.access import Access
from relay.front.caller import ANONYMOUS, LOCAL, Takes
from relay.front.callers.prover import Prover
from relay.http.forwarding import Proxies, address_of
from relay.http.request import Request
from relay.model import proofs
from relay.model.caller import Caller
from relay.model.problems.base import RelayError
from relay.model.problems.caller import Forbidden
from relay.model.proofs import Signed
from relay.serving.hosts import is_private
from relay.serving.refusals import PAUSE, Refusals

SECRET, OLD = "a secret of both", "the secret before"
PHONE, NGINX, DJANGO = "203.0.113.9", "10.0.0.1", "10.0.0.2"
BODY = b'{"width": 100}'


def asked(
    address: str, method: str = "GET", path: str = "/jobs/0", body: bytes = b"", **headers: str
) -> Request:
    given = {"host": "relay:8080", **{name.replace("_", "-"): value for name, value in headers.items()}}
    request = Request(method, path.encode(), "1.1", {name: [value] for name, value in given.items()}, body)
    peer: Any = UNIXAddress("/a") if address == "unix:" else IPv4Address("TCP", address, 1)
    request.transport, request.address = StringTransport(peerAddress=peer), address_of(peer)
    return request


def access(
    *hosts: str,
    proxies: tuple[str, ...] = (NGINX,),
    secrets: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
) -> Access:
    """A closed relay that the network 10/8 may call."""
    known = Proxies(proxies)
    prover = Prover(secrets, Refusals(Clock()), known)
    return Access(False, known, ["10.0.0.0/8"], hosts, prover, None, origins)


def why_not(closed: Access, request: Request) -> str:
    """Why a request is refused; "" if it is let in."""
    try:
        closed.authenticate(request, Takes.PROBE if request.target == b"/readyz" else Takes.CALLER)
    except RelayError as error:
        return error.detail
    return ""


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (asked(DJANGO), ""),
        (asked("11.0.0.1"), "comes from 11.0.0.1"),
        (asked(PHONE), f"comes from {PHONE}"),
        (asked(NGINX, x_forwarded_for=DJANGO), ""),
        (asked(NGINX, x_forwarded_for=PHONE), f"was forwarded for {PHONE}"),
        (asked(NGINX, x_forwarded_for=f"{DJANGO}, {PHONE}"), f"was forwarded for {PHONE}"),
        (asked(NGINX, via="1.1 squid"), "does not say for whom"),
        (asked(NGINX), f"comes from a proxy ({NGINX}), which does not say for whom"),
        (asked(NGINX, path="/readyz"), ""),
        (asked(NGINX, path="/readyz", x_forwarded_for=PHONE), f"was forwarded for {PHONE}"),
        (asked(DJANGO, x_forwarded_for=DJANGO), "was forwarded (x-forwarded-for)"),
    ],
    ids=[*map(str, range(11))],
)
def test_programs_of_allowed_networks_may_call_and_nobody_for_others(request_: Request, said: str) -> None:
    refusal = why_not(access(), request_)
    assert said in refusal
    assert bool(said) == bool(refusal)


@pytest.mark.parametrize(
    "host",
    [
        "relay",
        "relay:8080",
        "10.0.0.5:8080",
        "[fd00::1]",
        "relay.prod.svc.cluster.local",
        "RELAY.internal",
        "localhost",
    ],
)
def test_an_allowed_program_may_use_an_address_or_a_name_that_nobody_can_register(host: str) -> None:
    assert why_not(access(), asked(DJANGO, host=host)) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "api.example.com", "10.0.0.5.evil.example", "internal.example", "evil.example."]
)
def test_other_names_are_refused_unless_they_are_ours(host: str) -> None:
    assert why_not(access(), asked(DJANGO, host=host)) == f"the Host is {host}"
    assert why_not(access(host.upper()), asked(DJANGO, host=host)) == ""


def test_on_this_machine_only_names_of_this_machine_are_ours() -> None:
    """A proxy beside us calls us `relay`, too."""
    for address in ("127.0.0.1", "127.0.0.88", "unix:"):
        assert why_not(access(), asked(address)) == "the Host is relay"
        assert why_not(access(), asked(address, host="10.0.0.5")) == "the Host is 10.0.0.5"
        assert why_not(access("relay"), asked(address)) == ""
        assert why_not(access(), asked(address, host="127.0.0.1:8080")) == ""


@pytest.mark.parametrize(
    "headers",
    [{"origin": "http://relay:8080"}, {"origin": "null"}, {"sec_fetch_site": "cross-site"}],
    ids=str,
)
def test_pages_in_browsers_of_an_allowed_network_are_refused(headers: dict[str, str]) -> None:
    assert why_not(access(), asked(DJANGO, **headers)) != ""


@pytest.mark.parametrize(
    ("request_", "local"),
    [
        (asked("127.0.0.1", host="localhost"), True),
        (asked("unix:", host="localhost"), True),
        (asked("127.0.0.1", host="localhost", x_forwarded_for="127.0.0.1"), True),
        (asked("127.0.0.1", host="localhost", x_forwarded_for=DJANGO), False),
        (asked(NGINX, x_forwarded_for="127.0.0.1"), False),  # of its machine, not of ours
        (asked(DJANGO), False),
    ],
    ids=[*map(str, range(6))],
)
def test_who_is_allowed_is_not_on_this_machine(request_: Request, local: bool) -> None:
    caller = access(proxies=(NGINX, "127.0.0.1")).authenticate(request_)
    assert caller == (LOCAL if local else ANONYMOUS)


def test_names_that_nobody_can_register() -> None:
    assert [
        name
        for name in ("a", "a.b", "1.2.3.4", "::1", "a.local", "local.com", "a.home.arpa")
        if is_private(name)
    ] == [*("a", "1.2.3.4", "::1", "a.local", "a.home.arpa")]


# -- proofs --


def proven(secret: str = SECRET, age: float = 0, key: str = '"a"', subject: str = "") -> Request:
    """A submission of Django's from far away, with a proof."""
    proof = proofs.prove(secret, Signed("POST", "/jobs/resize", key, BODY, subject), time.time() - age)
    headers = {"relay_proof": proof, "idempotency_key": key, "host": "relay.example.com"}
    if subject:
        headers["relay_subject"] = subject
    return asked(PHONE, "POST", "/jobs/resize", BODY, **headers)


@pytest.mark.parametrize("secret", [SECRET, OLD])
@pytest.mark.parametrize("age", [0, 55, -55])
def test_who_proves_to_know_a_secret_may_call_from_anywhere(secret: str, age: float) -> None:
    assert why_not(access(secrets=(SECRET, OLD)), proven(secret, age)) == ""


def test_a_proof_counts_for_a_minute(lines: list[str]) -> None:
    assert " s old" in why_not(access(secrets=(SECRET,)), proven(age=65))
    assert "the proof is -6" in why_not(access(secrets=(SECRET,)), proven(age=-65))
    assert [line for line in lines if f"a proof from {PHONE} was refused: the proof is 6" in line]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("method", "PUT"),
        ("target", b"/jobs/other"),
        ("target", b"/jobs/resize/"),
        ("body", BODY + b" "),
        ("idempotency-key", ['"b"']),
        ("relay-proof", ["1.x"]),
        ("relay-proof", [""]),
        ("relay-proof", ["9" * 5000]),
    ],
)
def test_a_proof_counts_for_its_own_request(part: str, value: Any) -> None:
    request = proven()
    if "-" in part:
        request.headers[part] = value
    else:
        setattr(request, part, value)
    with pytest.raises(Forbidden, match="proof"):
        access(secrets=(SECRET,)).authenticate(request)


def test_a_forged_proof_is_refused_and_logged_once_a_second(lines: list[str]) -> None:
    closed = access(secrets=(SECRET,))
    for _ in range(3):
        assert "was not made for this request" in why_not(closed, proven("another secret"))
    assert len([line for line in lines if f"a proof from {PHONE} was refused" in line]) == 1
    assert why_not(access(), proven()) == f"the request comes from {PHONE}"  # there are no secrets


def test_refusals_of_all_addresses_that_a_subscriber_has_are_one_line_a_second(lines: list[str]) -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(2):
        for n in range(100):
            refusals.told(f"2001:db8:1:2::{n:x}", "a ticket", ValueError("it has expired"))
        refusals.told("2001:db8:1:3::1", "a ticket", ValueError("it has expired"))
        clock.advance(PAUSE)
    assert len(lines) == 4


def test_a_proof_is_not_looked_at_where_it_is_not_needed() -> None:
    request = proven("another secret")
    request.address = "127.0.0.1"
    request.headers["host"] = ["localhost"]
    access(secrets=(SECRET,)).authenticate(request)
    prover = Prover([SECRET], Refusals(Clock()), Proxies())
    Access(True, Proxies(), (), (), prover).authenticate(proven("another secret"))


# -- for whom a server acts --


def test_a_server_that_proves_to_know_a_secret_acts_for_its_users() -> None:
    assert access(secrets=(SECRET,)).authenticate(proven(subject="alice")) == Caller("sub:alice")
    local = proven(subject="alice")
    local.address, local.headers["host"] = "127.0.0.1", ["localhost"]
    assert access(secrets=(SECRET,)).authenticate(local) == Caller("sub:alice")
    is_open = Access(True, Proxies(), (), (), Prover([SECRET], Refusals(Clock()), Proxies()))
    assert is_open.authenticate(proven(subject="alice")) == Caller("sub:alice")


def test_a_subject_is_not_believed_without_a_proof() -> None:
    for request in (asked(DJANGO, relay_subject="alice"), asked("127.0.0.1", relay_subject="alice")):
        assert "Relay-Subject" in why_not(access(secrets=(SECRET,)), request)
        assert "Relay-Subject" in why_not(access(), request)
    assert "Relay-Subject" in why_not(Access(True, Proxies()), asked(PHONE, relay_subject="alice"))
    changed = proven(subject="alice")
    changed.headers["relay-subject"] = ["bob"]
    assert "was not made for this request" in why_not(access(secrets=(SECRET,)), changed)
    added = proven()
    added.headers["relay-subject"] = ["bob"]
    assert "was not made for this request" in why_not(access(secrets=(SECRET,)), added)


@pytest.mark.parametrize("subject", ["a" * 256, "a\tb", "\x85", "\xff", " "])
def test_a_subject_that_can_not_be_one_is_refused(subject: str) -> None:
    refusal = why_not(access(secrets=(SECRET,)), proven(subject=subject))
    assert "Relay-Subject" in refusal or subject == " "
