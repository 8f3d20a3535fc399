"""What is on its way to clients, with a clock and transports in memory."""

from __future__ import annotations

from twisted.internet.task import Clock

from relay.net.outgoing import PATIENCE, Parting


class Transport:
    """Waits for its client to close, as TLS does."""

    def __init__(self) -> None:
        self.left = 0
        self.did: list[str] = []

    def waiting(self) -> int:
        return self.left

    def loseConnection(self) -> None:
        self.did.append("close")

    def abortConnection(self) -> None:
        self.did.append("cut")


def test_a_client_that_has_read_all_and_does_not_close_is_told_once_and_then_cut() -> None:
    clock, transport = Clock(), Transport()
    parting = Parting(clock)
    parting.add("hold", transport)
    for seconds, did in ((PATIENCE - 1, []), (1, ["close"]), (PATIENCE, ["close", "cut"])):
        clock.advance(seconds)
        parting.look()
        assert transport.did == did


def test_one_that_still_reads_has_its_time_and_one_that_reads_nothing_is_cut() -> None:
    clock, transport = Clock(), Transport()
    parting = Parting(clock)
    over = parting.over()
    assert over.called  # there is nobody
    parting.add("hold", transport)
    for left, did in ((300, []), (200, []), (200, ["cut"])):
        transport.left = left
        clock.advance(PATIENCE)
        parting.look()
        assert transport.did == did
    over = parting.over()
    parting.discard("hold")
    assert over.called
