"""Tokens, and the file that says what they may do."""

from __future__ import annotations

import os
import re
import threading
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.model.caller import FREE, Allowance, JobPatterns
from relay.model.limits import Rate
from relay.model.token import PREFIX, TOKEN_LENGTH, is_token, make_token
from relay.model.tokens import MOST_BYTES, TokenFileError, load_tokens, parse_tokens
from relay.model.watched_file import read_file, stamp_of

A, B, C = "a" * 64, "b" * 64, "c" * 64
ALL = f"""
# callers
[mobile-app]
sha256 = ["{A}", "{B}"]
jobs = ["fetch", "s3_*"]
rate = "50/s"
held = 2000
queued = 10_000
body = 0
expires = 2027-01-01T01:00:00+01:00
trusted = true

["team.x"]
sha256 = ["{C.upper()}"]
"""


def mistake(text: str | bytes) -> str:
    """What is said of a file that is wrong."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(TokenFileError) as caught:
        parse_tokens(data, "tokens.toml", FREE)
    return str(caught.value)


# -- tokens --


def test_a_token_is_known_without_asking_anybody() -> None:
    token = make_token()
    assert is_token(token)
    assert len(token) == TOKEN_LENGTH
    assert re.fullmatch(r"rly_[A-Za-z0-9_-]{43}[0-9A-Za-z]{6}", token)
    assert make_token() != token


def test_the_checksum_is_the_one_that_scanners_are_told() -> None:
    token = make_token()
    assert token[-6:] == crc_in_base62(token[:-6])
    assert is_token(PREFIX + "A" * 43 + crc_in_base62(PREFIX + "A" * 43))


def crc_in_base62(text: str) -> str:
    """By the definition in the docs, bit by bit."""
    rest = 0xFFFFFFFF
    for byte in text.encode():
        rest ^= byte
        for _ in range(8):
            rest = (rest >> 1) ^ (0xEDB88320 if rest & 1 else 0)
    rest ^= 0xFFFFFFFF
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    return "".join(digits[rest // 62**place % 62] for place in reversed(range(6)))


def test_no_character_of_a_token_can_be_wrong() -> None:
    token = make_token()
    for at in range(len(token)):
        for other in "aB0-_ é":
            if other != token[at]:
                assert not is_token(token[:at] + other + token[at + 1 :])
        assert not is_token(token[:at] + token[at + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", PREFIX, "rly_x", make_token() + "\n", " " + make_token(), "é" * 53],
    ids=["empty", "prefix", "short", "line", "space", "other"],
)
def test_other_texts_are_no_tokens(text: str) -> None:
    assert not is_token(text)


# -- what a file says --


def test_a_file_says_what_each_caller_may_do() -> None:
    grants = parse_tokens(ALL.encode(), "tokens.toml", FREE)
    app, team = grants.values()
    assert (app.name, team.name) == ("mobile-app", "team.x")
    assert app.digests == (bytes.fromhex(A), bytes.fromhex(B))
    assert app.jobs == JobPatterns(("fetch", "s3_*"))
    assert app.allowance == Allowance(Rate(50, 1.0), 2000, 10_000, 0)
    assert (app.expires, app.row.trusted) == (1798761600.0, True)
    assert team.digests == (bytes.fromhex(C),)


def test_what_a_table_leaves_out_is_the_default() -> None:
    defaults = Allowance(Rate(1, 60.0), 2, 3, 4)
    app, team = parse_tokens(ALL.encode(), "tokens.toml", defaults).values()
    assert team.allowance == defaults
    assert (team.jobs, team.expires, team.row.trusted) == (None, inf, False)
    assert app.allowance.body == 0  # said, and not left out


def test_a_date_is_its_beginning_in_utc() -> None:
    file = f'[a]\nsha256 = ["{A}"]\nexpires = 2027-01-01\n'.encode()
    assert parse_tokens(file, "", FREE)["a"].expires == 1798761600.0


def test_tables_may_be_written_in_any_way() -> None:
    for text in (f'a.sha256 = ["{A}"]', f'a = {{sha256 = ["{A}"]}}', f"['a']\r\n\"sha256\" = ['{A}']\r\n"):
        assert parse_tokens(text.encode(), "", FREE)["a"].digests == (bytes.fromhex(A),)


def test_a_file_may_have_no_callers() -> None:
    assert parse_tokens(b"# none yet\n", "", FREE) == {}


# -- what is wrong with one --

HEAD = f'[a]\nsha256 = ["{A}"]\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('rate = "50"', "[a] rate: '50' is not a rate"),
        ("rate = 50", '[a] rate: expected a rate such as "50/s", not 50'),
        ('rat = "50/s"', "[a] there is no 'rat': did you mean rate?"),
        ("Held = 1", "[a] there is no 'Held': did you mean held?"),
        ("held = -1", "[a] held: expected int >= 0, not -1"),
        ("held = true", "[a] held: expected int, not True"),
        ("queued = 1.5", "[a] queued: expected int"),
        ("body = 9223372036854775807", "[a] body: expected int <="),
        ('body = "1"', "[a] body: expected int, not '1'"),
        ('jobs = "fetch"', "[a] jobs: expected array, not 'fetch'"),
        ('jobs = ["Fetch"]', "[a] jobs: 'Fetch' is not a job's name"),
        ('jobs = ["fetch", 7]', "[a] jobs: expected str"),
        ('jobs = ["a\\nb"]', "[a] jobs: 'a\\nb' is not a job's name"),
        ('expires = "2027-01-01"', "[a] expires: expected a date"),
        ("expires = 2027-01-01T00:00:00", "[a] expires: 2027-01-01T00:00:00 has no time zone"),
        ("expires = 12:00:00", "[a] expires: expected a date"),
        ("expires = 1798761600", "[a] expires: expected a date"),
        ("operator = 'root'", '[a] operator: expected "look" or "act", not \'root\''),
        ("trusted = 1", "[a] trusted: expected bool, not 1"),
        ("trusted = 'yes'", "[a] trusted: expected bool"),
        ("b.held = 1", 'a name with a dot has quotes: ["a.b"]'),
        ("[a.b]", 'a name with a dot has quotes: ["a.b"]'),
        ("[B]", "'B' is not a name"),
        ("[ '-b' ]", "'-b' is not a name"),
        ('["a\\nb"]', "'a\\nb' is not a name"),
        ('[""]', "'' is not a name"),
        (f"[{'b' * 65}]", "is not a name"),
        ("[[b]]", "[b] expected a table"),
        ("[b]", "[b] sha256: expected a list of one or two hashes"),
        ("b = 1 2", "Expected newline or end of document"),
        ("[a]", "Cannot declare ('a',) twice"),
        ("held = 1\nheld = 2", "Cannot overwrite a value"),
        ("[c", "Expected ']'"),
        ("held = 2027-13-45", ""),
        ("held = " + "[" * 3000, "nested too deeply"),
        ("held = " + "1" * 5000, "a value is too large"),
    ],
)
def test_a_wrong_line_is_named(line: str, said: str) -> None:
    message = mistake(f"{HEAD}# comment\n{line}\n" + "# more\n" * 3)
    number = 5 if line.count("\n") else 4
    assert message.startswith(f"tokens.toml, line {number}: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "value", ["", "7", f'"{A}"', "[]", f'["{A}", "{B}", "{C}"]', '["x"]', f'["{A[1:]}"]', "[7]"]
)
def test_wrong_hashes_are_named(value: str) -> None:
    line = f"sha256 = {value}" if value else ""
    message = mistake(f"# callers\n[a]\n{line}\nheld = 1\n")
    assert message.startswith(
        f"tokens.toml, line {3 if value else 2}: [a] sha256: expected a list of one or two"
    )


def test_a_token_in_place_of_its_hash_is_not_shown() -> None:
    token = make_token()
    for value in (f'"{token}"', f'["{token}"]'):
        assert token[:20] not in mistake(f"[a]\nsha256 = {value}\n")
    assert token[:20] not in mistake(f'[a]\nsha256 = ["{A}", "{token}"]\nheld = 1\n')


def test_a_hash_stands_once() -> None:
    assert (
        mistake(f'[a]\nsha256 = ["{A}", "{A.upper()}"]')
        == "tokens.toml, line 2: [a] sha256: a hash stands twice"
    )
    twice = f'[a]\nsha256 = ["{A}"]\n[b]\n\nsha256 = ["{B}", "{A}"]'
    assert mistake(twice) == "tokens.toml, line 5: [b] sha256: a hash stands in [a], too"


def test_a_line_is_found_behind_texts_that_look_like_it() -> None:
    text = f'[b]\nsha256 = ["{B}"]\n# [a]\njobs = []\n[a]\nrate = 1\nsha256 = ["{A}"]'
    assert mistake(text).startswith("tokens.toml, line 6: [a] rate")
    text = f'[b]\nx = """\n[a]\nheld = "no"\n"""\nsha256 = ["{B}"]\n[a]\nheld = 1\nsha256 = []'
    assert mistake(text).startswith("tokens.toml, line 2: [b] there is no 'x'")
    text = f"[b]\nsha256 = ['''{B}''', '''\\\n[a]\nheld = 'no'\n''']\n[a]\nheld = -1"
    assert mistake(text).startswith("tokens.toml, line 2: [b] sha256")
    text = f'[b]\nsha256 = ["{B}"]\njobs = ["""\n[z]\n"""]\nheld = -1'
    assert mistake(text).startswith("tokens.toml, line 6: [b] held")


def test_what_is_not_utf8_is_named() -> None:
    assert mistake(HEAD.encode() + b"# \xff\n") == "tokens.toml, line 3: this is not UTF-8"


LINES = st.sampled_from(
    [
        *(
            "[a]",
            '["b.c"]',
            "[a.b]",
            "[[d]]",
            "a.held = 1",
            f'sha256 = ["{A}"]',
            f'sha256 = ["{B}"]',
            'rate = "1/s"',
        ),
        *(
            "held = 1",
            "expires = 2027-01-01",
            "trusted = true",
            'x = """',
            "'''",
            "jobs = [",
            "]",
            "= 1",
            "# \x07",
        ),
        "\ufeff",
    ]
).map(str.encode)


@given(st.one_of(st.binary(), st.text().map(str.encode), st.lists(LINES).map(b"\n".join)))
def test_whatever_a_file_has_one_line_says_why_it_is_wrong(data: bytes) -> None:
    message = ""
    try:
        parse_tokens(data, "tokens.toml", FREE)
    except TokenFileError as error:
        message = str(error)
    said = re.fullmatch(r"tokens\.toml, line (\d+): .+|", message)
    assert said
    assert int(said[1] or 1) <= data.count(b"\n") + 1


# -- files --


def test_a_file_that_everybody_may_write_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(ALL)
    file.chmod(0o646)
    with pytest.raises(TokenFileError, match=r"tokens\.toml: everybody may write it: chmod o-w"):
        load_tokens(str(file), FREE)
    file.chmod(0o644)  # everybody may read it
    assert len(load_tokens(str(file), FREE)) == 2


def test_a_file_has_a_bound(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text("#" * MOST_BYTES)
    assert load_tokens(str(file), FREE) == {}
    file.write_text("#" * (MOST_BYTES + 1))
    with pytest.raises(TokenFileError, match="it has 1048577 bytes; 1048576 are the most"):
        load_tokens(str(file), FREE)


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, said in (
        *((tmp_path / "pipe", "it is not a file"), (Path("/dev/zero"), "it is not a file")),
        *((tmp_path, "Is a directory"), (tmp_path / "gone", "No such file or directory")),
    ):
        with pytest.raises(TokenFileError, match=f"^{path}: {said}$"):
            load_tokens(str(path), FREE)


def test_a_file_that_is_replaced_while_it_is_read_is_whole(tmp_path: Path) -> None:
    file, new = tmp_path / "tokens.toml", tmp_path / "new"
    file.write_bytes(b"1" * 9)
    done = threading.Event()

    def replace() -> None:
        for number in range(300):
            new.write_bytes(b"%d" % (number % 10) * 9)
            new.rename(file)
        done.set()

    thread = threading.Thread(target=replace)
    thread.start()
    seen: set[Any] = set()
    while not done.is_set():
        seen.add(read_file(str(file), 10))
    thread.join()
    assert all(len(set(data)) == 1 and len(data) == 9 for data in seen)


def test_a_stamp_changes_with_what_others_may_do(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    assert stamp_of(str(file)) is None
    file.write_text("")
    before = stamp_of(str(file))
    assert before == stamp_of(str(file))
    file.chmod(0o600)
    assert before != stamp_of(str(file))
