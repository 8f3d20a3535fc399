"""What those who wait for a reply hear when a connection is lost."""

from __future__ import annotations

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from relay.net.redis_protocol import RedisProtocol

UNTRUSTED = SSL.Error([("SSL routines", "", "certificate verify failed")])


@pytest.mark.parametrize(
    ("why", "said"),
    [(UNTRUSTED, "TLS: certificate verify failed"), (ConnectionDone(), "Connection was closed cleanly.")],
)
def test_all_that_wait_for_a_reply_hear_why_there_is_none(why: Exception, said: str) -> None:
    protocol = RedisProtocol()
    protocol.makeConnection(StringTransport())
    heard: list[str] = []
    for _ in range(2):
        protocol.execute_command("PING").addErrback(lambda failure: heard.append(failure.getErrorMessage()))
    protocol.connectionLost(Failure(why))
    assert heard == [said] * 2
