from __future__ import annotations

from relay.model.memo import Memo


def test_a_memo_remembers() -> None:
    memo: Memo[str, int] = Memo(2)
    memo["one"], memo["two"] = 1, 2
    assert memo == {"one": 1, "two": 2}


def test_a_memo_that_is_full_forgets_all_that_was_there() -> None:
    memo: Memo[str, int] = Memo(2)
    memo["one"], memo["two"] = 1, 2
    memo["three"] = 3
    assert memo == {"three": 3}


def test_an_entry_that_is_replaced_takes_no_further_place() -> None:
    memo: Memo[str, int] = Memo(2)
    memo["one"], memo["two"] = 1, 2
    memo["one"] = 11
    assert memo == {"one": 11, "two": 2}
