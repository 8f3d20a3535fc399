"""Which checked tokens are kept in mind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.front.callers.remembered import CheckedToken, CheckedTokens
from relay.model.caller import Caller


def checked(owner: str) -> CheckedToken:
    return CheckedToken(Caller(owner), 1.0, b"mark")


def known(tokens: CheckedTokens, *names: str) -> list[str]:
    return [name for name in names if tokens.get(name) is not None]


def test_a_token_is_known_until_it_is_dropped() -> None:
    tokens = CheckedTokens()
    kept = checked("alice")
    tokens.add("a", kept)
    assert tokens.get("a") is kept
    assert tokens.get("b") is None
    tokens.drop("a")
    tokens.drop("a")
    assert tokens.get("a") is None
    assert len(tokens) == 0


def test_an_owner_with_many_tokens_drops_its_own() -> None:
    tokens = CheckedTokens(most=10, of_owner=3)
    tokens.add("bob", checked("bob"))
    for number in range(1000):
        tokens.add(f"alice {number}", checked("alice"))
    assert known(tokens, "bob", "alice 996", "alice 997", "alice 998", "alice 999") == [
        *("bob", "alice 997", "alice 998", "alice 999")
    ]
    assert len(tokens) == 4


def test_a_flood_of_owners_drops_what_is_not_used() -> None:
    tokens = CheckedTokens(most=10, of_owner=3)
    tokens.add("busy", checked("busy"))
    tokens.add("idle", checked("idle"))
    for number in range(100):
        tokens.add(str(number), checked(str(number)))
        assert tokens.get("busy") is not None
    assert tokens.get("idle") is None
    assert len(tokens) == 10


def test_a_token_that_is_added_again_is_one() -> None:
    tokens = CheckedTokens(most=3, of_owner=2)
    for _ in range(5):
        tokens.add("a", checked("alice"))
    tokens.add("b", checked("alice"))
    assert known(tokens, "a", "b") == ["a", "b"]
    tokens.add("a", checked("bob"))
    tokens.add("c", checked("alice"))
    assert known(tokens, "a", "b", "c") == ["a", "b", "c"]


ACTS = st.tuples(st.sampled_from(["add", "get", "drop"]), st.sampled_from("abcdefgh"), st.sampled_from("xyz"))


@given(st.lists(ACTS, max_size=60))
def test_whatever_happens_the_bounds_hold_and_the_last_is_known(acts: list[tuple[str, str, str]]) -> None:
    tokens = CheckedTokens(most=5, of_owner=2)
    for act, name, owner in acts:
        if act == "add":
            tokens.add(name, checked(owner))
            assert tokens.get(name) is not None
        elif act == "get":
            tokens.get(name)
        else:
            tokens.drop(name)
            assert tokens.get(name) is None
        found = [tokens.get(each) for each in "abcdefgh"]
        owners = [each.caller.owner for each in found if each is not None]
        assert len(owners) == len(tokens) <= 5
        assert all(owners.count(each) <= 2 for each in "xyz")
