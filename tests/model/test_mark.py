"""Marks of secrets."""

from __future__ import annotations

from relay.model.mark import mark_of


def test_a_mark_is_the_same_of_the_same_and_another_of_others() -> None:
    secrets = [f"secret {number}".encode() for number in range(100)]
    assert [mark_of([secret]) for secret in secrets] == [mark_of([secret]) for secret in secrets]
    assert len({mark_of([secret]) for secret in secrets}) > 95
    assert mark_of([b"ab", b"c"]) != mark_of([b"a", b"bc"])


def test_a_mark_has_too_little_of_a_secret_to_find_it_by() -> None:
    assert len(bytes.fromhex(mark_of([b"a secret of many characters"]))) == 2
