"""A relay whose jobs have all kinds of arguments and results."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from relay.model.tickets import Ticket, sign
from tests.processes import RelayProcess, eventually

SECRET = "a secret that signs tickets"


@pytest.fixture(scope="session")
def described_relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """One that knows no callers, once its front knows the jobs."""
    directory = tmp_path_factory.mktemp("described")
    (directory / "secrets").write_text(f"{SECRET}\n")
    (directory / "secrets").chmod(0o600)
    relay = RelayProcess(
        directory,
        *("all", "--grace", "5", "--jobs", "tests.openapi.described_jobs", "--concurrency", "200"),
        *("--ticket-secrets", "secrets"),
    )
    relay.start()
    try:
        eventually(
            lambda: "/jobs/area" in relay.call("GET", "/openapi.json").json()["paths"], "jobs are known"
        )
        yield relay
    finally:
        relay.stop()
    assert relay.tracebacks() == 0, relay.log_tail()


@pytest.fixture
def tickets(described_relay: RelayProcess) -> list[str]:
    """Of jobs that have ended in all ways, of one that waits, and of one that never was; and one that has expired."""

    def submitted(job: str, body: object = None, **headers: str) -> str:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return str(described_relay.call("POST", f"/jobs/{job}", body or {}, given).json()["id"])

    succeeded = submitted("area", {"box": {"width": 2}})
    failed, waiting = submitted("pay", {"euros": 600}), submitted("late", Relay_Delay="3000")
    cancelled = submitted("late", Relay_Delay="3000")
    described_relay.call("DELETE", f"/jobs/{cancelled}")
    expired = submitted("late", Relay_Delay="0.2", Relay_Deadline="0.1")
    described_relay.call("GET", f"/jobs/{expired}", headers={"Prefer": "wait=20"})
    never = succeeded[:-1] + ("a" if succeeded[-1] != "a" else "b")
    now = time.time()
    soon = now + 3600
    signed = [Ticket(id, soon, "") for id in (succeeded, failed, cancelled, expired, never)]
    signed += [Ticket(waiting, soon, "wait=1"), Ticket(succeeded, soon, "", True)]
    signed.append(Ticket(succeeded, now - 60, ""))
    return [sign(SECRET, each) for each in signed]
