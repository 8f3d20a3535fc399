"""What Redis says is told apart by what helps."""

from __future__ import annotations

import pytest

from relay.redis.refusal import Elsewhere, Refused, read_refusal

SAID = {
    "LOADING Redis is loading the dataset in memory": "elsewhere",
    "READONLY You can't write against a read only replica.": "elsewhere",
    "ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write": "elsewhere",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)": "elsewhere",
    "MOVED 3999 127.0.0.1:6381": "elsewhere",
    "ASK 3999 127.0.0.1:6381": "later",
    "BUSY Redis is busy running a script.": "later",
    "MISCONF Errors writing to the AOF file: No space left on device": "later",
    "NOREPLICAS Not enough good replicas to write.": "later",
    "OOM command not allowed when used memory > 'maxmemory'.": "later",
    "TRYAGAIN Multiple keys request during rehashing of slot": "later",
    "ERR max number of clients reached": "later",
    "NOPERM this user has no permissions to run the 'evalsha' command": "wrong",
    "NOAUTH Authentication required.": "wrong",
    "WRONGPASS invalid username-password pair or user is disabled.": "wrong",
    "DENIED Redis is running in protected mode": "wrong",
    "ERR unknown command 'ASKING', with args beginning with: ": "wrong",
    "ERR DB index is out of range": "wrong",
    "something that no Redis says": "wrong",
    "": "wrong",
}


@pytest.mark.parametrize(("said", "group"), SAID.items())
def test_errors_have_their_groups(said: str, group: str) -> None:
    refusal = read_refusal(said)
    assert isinstance(refusal, Elsewhere) is (group == "elsewhere")
    assert (isinstance(refusal, Refused) and refusal.later) is (group == "later")


def test_an_error_without_end_is_cut() -> None:
    assert len(str(read_refusal("ERR " + "x" * 10_000))) < 300
