"""The command ``relay tokens``."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.commands import main as command
from relay.commands import replacing
from relay.commands.token_editor import TokenText, edit
from relay.model.caller import FREE, JobPatterns
from relay.model.token import digest_of, is_token
from relay.model.tokens import TokenFileError, TokenGrant, TokenRow, load_tokens, parse_tokens

A, B, C = "a" * 64, "b" * 64, "c" * 64
COMMENTED = f"""# our callers

# the app; ask Ann
[app]  # on phones
sha256 = [
  "{A}",  # of March
]
rate = "1/s"  # more later

# the shop; ask Bob

# and nobody else
["shop.de"]
sha256 = ["{B}"]
# end
"""


class Said(NamedTuple):
    """What a command ended with, and what it wrote."""

    status: Any
    out: str
    remarks: str


Run = Callable[..., Said]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    for name in ("RELAY_TOKENS", "RELAY_CONFIG"):
        monkeypatch.delenv(name, raising=False)

    def running(*words: str) -> Said:
        status: Any = 0
        try:
            command.main(["tokens", *words])
        except SystemExit as end:
            status = end.code
        out, remarks = capsys.readouterr()
        if isinstance(status, str):  # Python writes it to standard error, and ends with 1
            status, remarks = 1, f"{remarks}{status}\n"
        return Said(status, out, remarks)

    return running


def grants(path: str = "tokens.toml") -> dict[str, TokenGrant]:
    return load_tokens(path, FREE)


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


# -- add --


def test_a_new_token_is_shown_alone_and_kept_as_its_hash(run: Run) -> None:
    said = run("add", "mobile-app")
    token = said.out.removesuffix("\n")
    assert said.status == 0
    assert is_token(token)
    assert "the token is shown only now" in said.remarks
    assert grants()["mobile-app"].digests == (digest_of(token),)
    assert token not in Path("tokens.toml").read_text()


def test_what_a_caller_may_do_is_written(run: Run) -> None:
    words = ("--jobs", "fetch, s3_*", "--rate", "50/s", "--held", "20", "--queued", "0", "--body", "65536")
    assert run("add", "team.app", *words, "--expires", "2999-01-01", "--trusted").status == 0
    row = grants()["team.app"].row
    assert (row.jobs, row.rate, row.held, row.queued, row.body) == (("fetch", "s3_*"), "50/s", 20, 0, 65536)
    assert (str(row.expires), row.trusted) == ("2999-01-01", True)


def test_a_caller_may_have_no_limit_where_others_have_one(run: Run) -> None:
    run("add", "a", "--rate", "", "--held", "0")
    assert (grants()["a"].row.rate, grants()["a"].row.held) == ("", 0)


def test_what_is_not_said_is_not_written(run: Run) -> None:
    run("add", "a")
    row = grants()["a"].row
    assert row == TokenRow(sha256=row.sha256)


@pytest.mark.parametrize(("when", "seconds"), [("12h", 43_200), ("90d", 90 * 86_400), ("2w", 14 * 86_400)])
def test_a_token_may_expire_after_some_time(run: Run, when: str, seconds: int) -> None:
    before = int(datetime.now(UTC).timestamp())
    run("add", "a", "--expires", when)
    assert before + seconds <= grants()["a"].expires <= datetime.now(UTC).timestamp() + seconds


@pytest.mark.parametrize("when", ["2999-01-01T12:00:00Z", "2999-01-01T14:00:00+02:00"])
def test_a_token_may_expire_at_a_time(run: Run, when: str) -> None:
    run("add", "a", "--expires", when)
    assert grants()["a"].expires == datetime(2999, 1, 1, 12, tzinfo=UTC).timestamp()


def test_a_caller_is_added_once(run: Run) -> None:
    run("add", "a")
    before = Path("tokens.toml").read_text()
    assert run("add", "a") == Said(
        1,
        "",
        "relay: tokens.toml: there is a [a] already: rotate or revoke it, or edit the file to change what it may do\n",
    )
    assert Path("tokens.toml").read_text() == before


@pytest.mark.parametrize(
    "words",
    [
        *(
            (),
            ("frob",),
            ("add",),
            ("revoke",),
            ("rotate",),
            ("add", "a", "b"),
            ("list", "a"),
            ("list", "--old"),
        ),
        *(("add", name) for name in ("A", "", "-", ".a", "a b", "a" * 65, "ä", "a\nb", "a/b", "[a]")),
        *(("add", "a", "--rate", rate) for rate in ("5", "5/y", "0/s", "5/s\n")),
        *(("add", "a", "--jobs", jobs) for jobs in ("", "A", "a,", "a;b", "a\nb", "../x")),
        *(("add", "a", "--held", held) for held in ("-1", "1.5", "x", "", "٣", "9" * 17, "1_0")),
        *(
            ("add", "a", "--expires", when)
            for when in ("", "soon", "0d", "5", "5m", "-1d", "99999999d", "2020-01-01")
        ),
        *(
            ("add", "a", "--expires", when)
            for when in ("2999-13-01", "2999-01-01T00:00:00", "20990101", "2999-W01")
        ),
    ],
    ids=repr,
)
def test_a_wrong_word_is_one_line_and_status_2(run: Run, words: tuple[str, ...]) -> None:
    said = run(*words)
    assert (said.status, said.out) == (2, "")
    assert said.remarks.count("\n") == 1
    assert said.remarks.startswith("relay")
    assert not os.path.exists("tokens.toml")


# -- rotate, revoke --


def test_a_token_is_rotated_and_the_one_before_stays_valid(run: Run) -> None:
    first, second, third = (
        digest_of(run(*words).out.strip()) for words in (("add", "a"), ("rotate", "a"), ("rotate", "a"))
    )
    assert grants()["a"].digests == (third, second)
    assert first not in grants()["a"].digests
    assert run("revoke", "a", "--old").status == 0
    assert grants()["a"].digests == (third,)
    assert run("revoke", "a", "--old").remarks == "relay: tokens.toml: [a] has one token only\n"
    assert run("revoke", "a") == Said(0, "", "a: all its tokens are revoked in tokens.toml\n")
    assert grants() == {}


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_a_caller_that_is_not_there_is_told(run: Run, action: str) -> None:
    run("add", "a")
    assert run(action, "b") == Said(1, "", "relay: tokens.toml: there is no [b]\n")


def test_a_caller_that_has_expired_gets_no_token_that_would_be_of_no_use(run: Run) -> None:
    Path("tokens.toml").write_text(f'[a]\nsha256 = ["{A}"]\nexpires = 2020-01-01\n')
    said = run("rotate", "a")
    assert said == Said(1, "", "relay: tokens.toml: [a] has expired: change its `expires` first\n")
    assert run("revoke", "a").status == 0


def test_comments_and_order_stay(run: Run) -> None:
    Path("tokens.toml").write_text(COMMENTED)
    token = run("rotate", "app").out.strip()
    rotated = COMMENTED.replace(f'  "{A}"', f'  "{digest_of(token).hex()}",\n  "{A}"')
    assert Path("tokens.toml").read_text() == rotated
    run("revoke", "app", "--old")
    run("add", "last")
    run("revoke", "app")
    left = Path("tokens.toml").read_text()
    for comment in ("# our callers\n", "# the shop; ask Bob\n", "# and nobody else\n[", "# end\n"):
        assert comment in left
    assert list(grants()) == ["shop.de", "last"]
    run("revoke", "shop.de")
    assert "# end\n" in Path("tokens.toml").read_text()


@pytest.mark.parametrize(
    "text",
    [
        *(COMMENTED, COMMENTED.rstrip("\n"), COMMENTED.replace("\n", "\r\n"), ""),
        *(
            f'app.sha256 = ["{A}"]\napp.rate = "1/s"',
            f'app = {{sha256 = ["{A}"]}}',
            f"[app]\nsha256 = ['{A}']",
        ),
        *(f'app.sha256 = ["{A}"]\n[b]\nsha256 = ["{B}"]', f'[ "app" ]\n"sha256" = [\n"{A}"\n,\n"{B}",]#x'),
    ],
)
def test_a_file_may_be_written_in_any_way(run: Run, text: str) -> None:
    Path("tokens.toml").write_bytes(text.encode())
    before = grants()
    digest = digest_of(run("add", "new").out.strip())
    assert grants()["new"].digests == (digest,)
    for _ in range(2 if before else 0):
        digest = digest_of(run("rotate", "app").out.strip())
        assert grants()["app"].digests[0] == digest
    assert run("revoke", "new").status == 0
    assert set(grants()) == set(before)
    assert run("revoke", "app").status == (0 if before else 1)
    assert set(grants()) == set(before) - {"app"}


ROWS = st.builds(
    TokenRow,
    sha256=st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=2, unique=True).map(
        lambda digests: tuple(digest.hex() for digest in digests)
    ),
    jobs=st.none() | st.lists(st.from_regex(r"[a-z0-9_*?]{1,64}", fullmatch=True), max_size=3).map(tuple),
    rate=st.none() | st.from_regex(r"[1-9][0-9]{0,3}/[smhd]", fullmatch=True),
    held=st.none() | st.integers(0, 1 << 50),
    queued=st.none() | st.integers(0, 1 << 50),
    body=st.none() | st.integers(0, 1 << 50),
    expires=st.none() | st.dates() | st.datetimes(timezones=st.just(UTC)),
    trusted=st.booleans(),
    operator=st.sampled_from([None, "look", "act"]),
)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,63}", fullmatch=True)


@settings(max_examples=25, deadline=None)  # tomlkit takes its time
@given(st.dictionaries(NAMES, ROWS, max_size=4))
def test_what_is_written_is_what_is_read(rows: dict[str, TokenRow]) -> None:
    text = TokenText("", {})
    for name, row in rows.items():
        text = text.add(name, row)
    assert {name: grant.row for name, grant in parse_tokens(text.text.encode(), "", FREE).items()} == rows
    for name in rows:
        text = text.set_hashes(name, (C, rows[name].sha256[0])).set_hashes(name, (C,)).remove(name)
        assert {
            other: grant.row for other, grant in parse_tokens(text.text.encode(), "", FREE).items()
        } == text.rows
    assert text.rows == {}


# -- list --


def test_callers_are_listed(run: Run) -> None:
    old = f'["old"]\nsha256 = ["{C}"]\nexpires = 2020-01-01T00:00:00Z\ntrusted = true\njobs = []\nrate = ""\nheld = 0\n'
    Path("tokens.toml").write_text(COMMENTED + old)
    assert run("list").out.splitlines() == [
        "name     tokens  jobs  rate  held  queued  body  expires                         trusted  operator",
        "app      1       -     1/s   -     -       -     -                               -        -",
        "shop.de  1       -     -     -     -       -     -                               -        -",
        "old      1       none  none  0     -       -     2020-01-01T00:00:00Z (expired)  yes      -",
    ]
    listed = json.loads(run("list", "--json").out)
    assert [row["name"] for row in listed] == ["app", "shop.de", "old"]
    limits = {"rate": "", "held": 0, "queued": None, "body": None}
    ends = {"expires": "2020-01-01T00:00:00Z", "expired": True}
    assert listed[2] == {
        "name": "old",
        "tokens": 1,
        "jobs": [],
        **limits,
        **ends,
        "trusted": True,
        "operator": None,
    }


def test_no_callers_are_listed_as_none(run: Run) -> None:
    Path("tokens.toml").write_text("")
    assert run("list").out.startswith("name ")
    assert json.loads(run("list", "--json").out) == []


# -- which file --


def test_the_file_is_the_one_that_fronts_would_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("add", "a")
    Path("relay.toml").write_text('tokens = "config.toml"\ngrace = 1\n')
    monkeypatch.setenv("RELAY_CONFIG", "relay.toml")
    run("add", "b")
    monkeypatch.setenv("RELAY_TOKENS", "environment.toml")
    run("add", "c")
    run("add", "d", "--file", "given.toml")
    places = {"tokens": "a", "config": "b", "environment": "c", "given": "d"}
    assert {name: list(grants(f"{name}.toml")) for name in places} == {k: [v] for k, v in places.items()}


def test_who_adds_to_a_file_that_relay_does_not_read_is_told(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("relay.toml").write_text("grace = 1\n")
    monkeypatch.setenv("RELAY_CONFIG", "relay.toml")
    told = "relay.toml has no `tokens`: relay reads tokens.toml once it has, and is restarted\n"
    assert run("add", "a").remarks.endswith(told)
    assert told not in run("add", "b", "--file", "tokens.toml").remarks
    Path("relay.toml").write_text('tokens = "tokens.toml"\n')
    assert told not in run("add", "c").remarks


def test_a_config_that_can_not_be_read_is_status_2(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_CONFIG", "relay.toml")
    said = run("list")
    assert said.status == 2
    assert said.remarks.startswith("relay: --config relay.toml: ")
    assert said.remarks.count("\n") == 1


@pytest.mark.parametrize("words", [("list",), ("rotate", "a"), ("revoke", "a")])
def test_a_file_that_is_not_there_is_one_line(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).remarks.endswith("tokens.toml: No such file or directory\n")
    assert not os.path.exists("tokens.toml")
    said = run(*words, "--file", "nowhere/tokens.toml")
    assert said.status == 1
    assert said.remarks.count("\n") == 1


@pytest.mark.parametrize("words", [("list",), ("add", "b"), ("rotate", "a"), ("revoke", "a")])
@pytest.mark.parametrize("text", [f'[a]\nsha256 = ["{A}"]\nheld = -1\n', "[a", "\0", "#" * (1 << 21)])
def test_a_wrong_file_is_left_as_it_is(run: Run, words: tuple[str, ...], text: str) -> None:
    Path("tokens.toml").write_text(text)
    said = run(*words)
    assert (said.status, said.out, said.remarks.count("\n")) == (1, "", 1)
    assert Path("tokens.toml").read_text() == text
    assert os.listdir() == ["tokens.toml"]


def test_a_file_that_would_be_too_large_is_not_written(run: Run) -> None:
    text = "#" * ((1 << 20) - 10)
    Path("tokens.toml").write_text(text)
    said = run("add", "a")
    assert (said.status, said.out) == (1, "")
    assert "1048576 are the most" in said.remarks
    assert Path("tokens.toml").read_text() == text


# -- how it is written --


def test_a_new_file_is_for_its_owner_and_group(run: Run) -> None:
    before = os.umask(0o077)
    try:
        run("add", "a")
    finally:
        os.umask(before)
    assert mode("tokens.toml") == 0o640


@pytest.mark.parametrize("bits", [0o600, 0o644, 0o660, 0o640])
def test_a_file_keeps_its_mode(run: Run, bits: int) -> None:
    run("add", "a")
    os.chmod("tokens.toml", bits)
    run("rotate", "a")
    assert mode("tokens.toml") == bits


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_file_keeps_its_owner(run: Run) -> None:
    run("add", "a")
    os.chown("tokens.toml", 12, 34)
    run("rotate", "a")
    status = os.stat("tokens.toml")
    assert (status.st_uid, status.st_gid) == (12, 34)


def test_a_link_stays_a_link(run: Run) -> None:
    os.mkdir("real")
    os.symlink("real/tokens.toml", "tokens.toml")
    run("add", "a")
    run("add", "b")
    assert os.path.islink("tokens.toml")
    assert list(grants("real/tokens.toml")) == ["a", "b"]


def test_a_disk_that_is_full_leaves_the_old_file(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    run("add", "a")
    before = Path("tokens.toml").read_text()
    monkeypatch.setattr(replacing.os, "fsync", full)
    assert run("rotate", "a") == Said(1, "", "relay: tokens.toml: No space left on device\n")
    assert Path("tokens.toml").read_text() == before
    assert os.listdir() == ["tokens.toml"]


def test_what_would_not_be_read_as_it_was_meant_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "tokens.toml"
    file.write_text(COMMENTED)
    with pytest.raises(TokenFileError, match="can only be changed by hand"):
        edit(str(file), lambda before: TokenText(before.text, {}))
    assert file.read_text() == COMMENTED


# -- several at once --


def test_two_changes_at_once_are_made_one_after_the_other(tmp_path: Path) -> None:
    file = str(tmp_path / "tokens.toml")

    def add(number: int) -> None:
        row = TokenRow(sha256=(digest_of(str(number)).hex(),))
        edit(file, lambda before: before.add(f"app{number}", row), create=True)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
    assert set(grants(file)) == {f"app{number}" for number in range(40)}


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    file, row = str(tmp_path / "tokens.toml"), TokenRow(sha256=(A,))
    edit(file, lambda before: before.add("always", row), create=True)
    done = threading.Event()

    def change() -> None:
        for number in range(30):
            some = TokenRow(sha256=(digest_of(str(number)).hex(),))
            edit(file, lambda before, some=some: before.add("some", some))  # type: ignore[misc]
            edit(file, lambda before: before.remove("some"))
        done.set()

    thread = threading.Thread(target=change)
    thread.start()
    seen = set()
    while not done.is_set():
        seen.add(tuple(grants(file)))
    thread.join()
    assert seen <= {("always",), ("always", "some")}
    assert ("always",) in seen


@pytest.mark.processes
def test_commands_at_once_lose_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "relay.commands.main", "tokens", "add"]
    running = [
        subprocess.Popen(
            [*words, f"app{number}", "--file", "t.toml"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        for number in range(6)
    ]
    tokens = {f"app{number}": process.communicate()[0].strip() for number, process in enumerate(running)}
    assert all(process.returncode == 0 for process in running)
    found = {name: grant.digests for name, grant in grants(str(tmp_path / "t.toml")).items()}
    assert found == {name: (digest_of(token),) for name, token in tokens.items()}


def test_an_operator_is_one_that_may_call_no_job(run: Run) -> None:
    assert run("add", "night-shift", "--operator", "act").status == 0
    (grant,) = load_tokens("tokens.toml", FREE).values()
    assert (grant.row.operator, grant.jobs) == ("act", JobPatterns(()))
    assert run("list").out.splitlines()[1].split() == ["night-shift", "1", "none", *"-----", "-", "act"]
