"""What a process writes on its board is read by its supervisor, and for a while after its end."""

from __future__ import annotations

import os

from twisted.internet.task import Clock

from relay.process import board
from relay.process.board import KEPT, Boards
from relay.telemetry.snapshot import ProcessInfo, Snapshot, encode


def told(name: str, held: int) -> bytes:
    return encode(Snapshot(ProcessInfo(name, "front", "front 1", "host", 7, "1.0", 1000, held)))


def held(boards: Boards) -> dict[str, int]:
    return {each.info.name: each.info.held for each in boards.snapshots()}


def test_the_last_words_count_and_shorter_ones_leave_nothing_of_longer_ones() -> None:
    boards = Boards(Clock().seconds)
    mine = boards.make("front-1")
    assert held(boards) == {}
    board.write(mine, told("front-1", 70_000))
    assert held(boards) == {"front-1": 70_000}
    board.write(mine, told("front-1", 7))
    assert held(boards) == {"front-1": 7}


def test_a_board_that_is_being_written_on_shows_what_stood_there_before() -> None:
    boards = Boards(Clock().seconds)
    mine = boards.make("front-1")
    board.write(mine, told("front-1", 7))
    assert held(boards) == {"front-1": 7}
    half = told("front-1", 8)
    os.pwrite(mine, half[:20], 8)
    assert held(boards) == {"front-1": 7}


def test_what_an_ended_process_told_last_is_kept_for_a_while() -> None:
    clock = Clock()
    boards = Boards(clock.seconds)
    first, second = boards.make("front-1"), boards.make("front-2")
    board.write(first, told("front-1", 7))
    board.write(second, told("front-2", 1))
    boards.take_down("front-1")
    boards.take_down("front-1")
    assert held(boards) == {"front-1": 7, "front-2": 1}
    clock.advance(KEPT + 1)
    assert held(boards) == {"front-2": 1}


def test_a_supervisor_that_restarts_goes_on_with_a_board() -> None:
    made = board.make()
    boards = Boards(Clock().seconds)
    boards.hang("front-1", made)
    boards.hang("redis", -1)
    board.write(made, told("front-1", 7))
    assert held(boards) == {"front-1": 7}


def test_a_board_that_is_damaged_costs_its_reader_nothing() -> None:
    boards = Boards(Clock().seconds)
    mine = boards.make("front-1")
    board.write(mine, told("front-1", 7))
    assert held(boards) == {"front-1": 7}
    os.ftruncate(mine, 1 << 40)  # as much as it says, and nothing in it
    for length in (0xFFFFFFFF, board.LARGEST + 1, board.LARGEST, 5):
        os.pwrite(mine, length.to_bytes(4, "little"), 0)
        assert held(boards) == {"front-1": 7}
    for text in (
        b"\x81\xa2zz" + b"\x91" * 100_000,
        told("front-1", 8).replace(b"host", b"\xff\xffst"),
        b"\xc1",
    ):
        board.write(mine, text)  # whole, and not to be read
        assert held(boards) == {"front-1": 7}
