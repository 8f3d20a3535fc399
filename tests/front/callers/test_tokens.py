"""Who calls with a token, and who only looks like it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from relay.front.callers.tokens import TokenCheck
from relay.http.request import Request
from relay.model.caller import Allowance, Caller, JobPatterns
from relay.model.limits import Rate
from relay.model.problems.caller import Forbidden, Unauthorized
from relay.model.problems.request import Malformed
from relay.model.sources import SettingError
from relay.model.token import digest_of, make_token
from relay.serving.token_file import TokenFile

PHONE, PHONE_BEFORE, DJANGO, GUEST, OTHER = (make_token() for _ in range(5))
DEFAULTS = Allowance(held=7)
EXPIRES = 10.0  # seconds since 1970


def hashes(*tokens: str) -> str:
    return ", ".join(f'"{digest_of(token).hex()}"' for token in tokens)


PHONES = f'[phone]\nsha256 = [{hashes(PHONE, PHONE_BEFORE)}]\nrate = "5/s"\njobs = ["s3_*"]\n'
ALL = f"""{PHONES}
[django]
sha256 = [{hashes(DJANGO)}]
trusted = true
queued = 9

[guest]
sha256 = [{hashes(GUEST)}]
expires = 1970-01-01T00:00:10Z
"""


class Scene:
    """A file of tokens, the check that goes by it, and a clock."""

    def __init__(self, directory: Path, text: str = ALL) -> None:
        self.path = directory / "tokens.toml"
        self.path.write_text(text)
        self.clock = Clock()
        self.file = TokenFile(str(self.path), DEFAULTS, self.clock.seconds)
        self.file.read()
        self.check = TokenCheck(self.file)

    def write(self, text: str) -> None:
        """As `relay tokens` writes: all at once."""
        new = self.path.with_suffix(".new")
        new.write_text(text)
        new.rename(self.path)

    def look(self, seconds: int = 2) -> None:
        for _ in range(seconds):
            self.file.look()

    def caller(self, *authorization: str, **headers: list[str]) -> Caller | None:
        """Who is recalled; and the check says the same when it identifies."""
        request = asked(*authorization, **headers)
        caller = self.check.recall(request)
        assert caller is None or self.check.identify(request) is caller
        return caller

    def why_not(self, *authorization: str) -> str:
        """Why nobody is identified; "" if it is left to other checks."""
        request = asked(*authorization)
        assert self.check.recall(request) is None
        try:
            assert self.check.identify(request) is None
        except Unauthorized as error:
            return error.detail
        return ""


def asked(*authorization: str, **headers: list[str]) -> Request:
    given = {name.replace("_", "-"): values for name, values in headers.items()}
    if authorization:
        given["authorization"] = list(authorization)
    return Request("POST", b"/jobs/echo", "1.1", given)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


# -- who calls --


def test_a_caller_is_known_by_its_token(scene: Scene) -> None:
    phone = Caller(
        "token:phone", False, "token:phone", JobPatterns(("s3_*",)), Allowance(rate=Rate(5, 1.0), held=7)
    )
    assert scene.caller(f"Bearer {PHONE}") == phone
    assert scene.caller(f"Bearer {GUEST}") == Caller("token:guest", name="token:guest", allowance=DEFAULTS)


def test_both_tokens_of_a_caller_are_valid_while_one_is_rotated(scene: Scene) -> None:
    assert scene.caller(f"Bearer {PHONE}") is scene.caller(f"Bearer {PHONE_BEFORE}") is not None


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEARER   "])
def test_the_scheme_is_written_in_any_case(scene: Scene, scheme: str) -> None:
    caller = scene.caller(scheme + PHONE)
    assert caller
    assert caller.owner == "token:phone"


@pytest.mark.parametrize(
    "authorization",
    [
        *(
            "",
            " ",
            "Bearer",
            "Bearer ",
            "Bearer    ",
            "\t",
            "Bearer\t",
            PHONE,
            f"Token {PHONE}",
            f"rly {PHONE}",
        ),
        *(f"Bearer\t{PHONE}", f"Basic {PHONE}", "Basic cmx5Xzph", f"Bearer:{PHONE}", f"Bearer={PHONE}"),
        *(
            "Bearer eyJhbGciOiJub25lIn0.e30.",
            f"Bearer {PHONE.upper()}",
            f"Bearer x{PHONE}",
            f'Bearer "{PHONE}"',
        ),
        *("Bearer \xff\xfe", "\xe9" * 60, f"B\xe9arer {PHONE}", "Bearer " + "\xe9" * 53, "x" * 100_000),
        *("Bearer " + "x" * 100_000, "Bearer " + " " * 100_000, f"Bearer Bearer {PHONE}", f"Bearer ,{PHONE}"),
    ],
)
def test_what_is_no_token_of_ours_is_left_to_others(scene: Scene, authorization: str) -> None:
    assert scene.why_not(authorization) == ""


def test_a_request_without_credentials_is_left_to_others(scene: Scene) -> None:
    assert scene.why_not() == ""


@pytest.mark.parametrize(
    "text",
    [
        *(
            "rly_",
            "rly_x",
            PHONE[:-1],
            PHONE + "x",
            PHONE + "=",
            PHONE[:20] + "\xe9" + PHONE[21:],
            f"{PHONE} x",
        ),
        *(PHONE + "\t", PHONE + ",", PHONE + ";", f"{PHONE}, {PHONE}", PHONE + "\0", "rly_" + "\xff" * 49),
        *("rly_" + "x" * 100_000, PHONE[:-6] + "000000", "rly_" + PHONE[4:].swapcase(), "rly_" + "/" * 49),
    ],
)
def test_a_slip_of_the_pen_is_told_from_what_was_revoked(scene: Scene, text: str) -> None:
    assert (
        scene.why_not(f"Bearer {text}") == "the token is malformed: a part of it is missing, or was changed"
    )


def test_an_unknown_token_is_refused_and_not_shown(scene: Scene) -> None:
    token = make_token()
    assert scene.why_not(f"Bearer {token}") == "the token is unknown or was revoked"
    with pytest.raises(Unauthorized) as caught:
        scene.check.identify(asked(f"Bearer {token}"))
    shown = f"{caught.value.problem()}{caught.value.head}{caught.value!r}"
    assert token[4:20] not in shown
    assert digest_of(token).hex()[:16] not in shown
    assert 'error="invalid_token"' in caught.value.head


@pytest.mark.parametrize("method", ["recall", "identify"])
@pytest.mark.parametrize("second", [f"Bearer {PHONE}", "Basic x", ""])
def test_two_authorizations_are_malformed(scene: Scene, method: str, second: str) -> None:
    with pytest.raises(Malformed, match="authorization was sent 2 times"):
        getattr(scene.check, method)(asked(f"Bearer {PHONE}", second))


def test_half_a_hash_lets_nobody_in(tmp_path: Path) -> None:
    digest = digest_of(OTHER).hex()
    scene = Scene(tmp_path, f'[half]\nsha256 = ["{digest[:32]}{digest[32:][::-1]}"]\n')
    assert scene.why_not(f"Bearer {OTHER}") == "the token is unknown or was revoked"


@given(st.text(st.characters(max_codepoint=255)))
def test_nothing_else_lets_anybody_in(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    scene = Scene(tmp_path_factory.mktemp("tokens"))
    for authorization in (text, f"Bearer {text}", f"Bearer rly_{text}"):
        scene.why_not(authorization)


# -- until when --


def test_a_token_is_valid_until_its_second(scene: Scene) -> None:
    scene.clock.advance(EXPIRES - 0.001)
    assert scene.caller(f"Bearer {GUEST}")
    scene.clock.advance(0.001)
    assert scene.why_not(f"Bearer {GUEST}") == "the token has expired"
    assert scene.caller(f"Bearer {PHONE}")


# -- for whom --


def test_a_trusted_token_acts_for_a_user_within_its_own_limits(scene: Scene) -> None:
    own, alice = scene.caller(f"Bearer {DJANGO}"), scene.caller(f"Bearer {DJANGO}", relay_subject=["alice"])
    assert own == Caller("token:django", name="token:django", allowance=Allowance(held=7, queued=9))
    assert alice == Caller("sub:alice", name="token:django", allowance=Allowance(held=7, queued=9))
    assert scene.caller(f"Bearer {DJANGO}", relay_subject=["alice"]) is alice


def test_a_user_of_two_servers_has_the_limits_of_the_one_that_asks(tmp_path: Path) -> None:
    scene = Scene(tmp_path, f"{ALL}\n[flask]\nsha256 = [{hashes(OTHER)}]\ntrusted = true\nqueued = 1\n")
    for token, queued in ((DJANGO, 9), (OTHER, 1), (DJANGO, 9)):
        caller = scene.caller(f"Bearer {token}", relay_subject=["alice"])
        assert caller
        assert (caller.owner, caller.allowance.queued) == ("sub:alice", queued)


def test_a_subject_is_utf8(scene: Scene) -> None:
    caller = scene.caller(f"Bearer {DJANGO}", relay_subject=["Zoë 漢".encode().decode("latin-1")])
    assert caller
    assert caller.owner == "sub:Zoë 漢"


def test_a_subject_is_never_a_token(scene: Scene) -> None:
    caller = scene.caller(f"Bearer {DJANGO}", relay_subject=["token:phone"])
    assert caller
    assert caller.owner == "sub:token:phone"


@pytest.mark.parametrize(
    "subjects",
    [
        [""],
        ["a", "b"],
        ["a", "a"],
        ["x" * 256],
        ["a\tb"],
        ["\xff"],
        ["\xe9"],
        ["\xc2\x85"],
        ["a\0"],
        ["\xe2\x80\xae"],
    ],
)
def test_a_subject_that_is_none_is_malformed(scene: Scene, subjects: list[str]) -> None:
    request = asked(f"Bearer {DJANGO}", relay_subject=subjects)
    for _ in range(2):  # nothing of it is remembered
        with pytest.raises(Malformed, match="Relay-Subject"):
            scene.check.recall(request)


@pytest.mark.parametrize("subjects", [["alice"], [""], ["a", "b"], ["\xff"]])
def test_a_token_that_is_not_trusted_acts_for_nobody(scene: Scene, subjects: list[str]) -> None:
    for method in (scene.check.recall, scene.check.identify):
        with pytest.raises(Forbidden, match="may not act for others"):
            method(asked(f"Bearer {PHONE}", relay_subject=subjects))


def test_users_are_remembered_up_to_a_bound(scene: Scene) -> None:
    for number in range(10_001):
        scene.caller(f"Bearer {DJANGO}", relay_subject=[f"user{number}"])
    users: Any = scene.file.known._users
    assert len(users) == 1


# -- the file --


def test_a_wrong_file_ends_the_start_with_one_line(tmp_path: Path) -> None:
    file = TokenFile(str(tmp_path / "tokens.toml"), DEFAULTS)
    with pytest.raises(SettingError, match=f"^--tokens {tmp_path}/tokens.toml: No such file or directory$"):
        file.read()
    (tmp_path / "tokens.toml").write_text(f"{PHONES}\nheld = -1")
    with pytest.raises(SettingError, match=r"^--tokens .*/tokens.toml, line 6: \[phone\] held: expected"):
        file.read()


def test_a_file_that_changed_is_read_again(scene: Scene, lines: list[str]) -> None:
    token = make_token()
    scene.write(ALL.replace(hashes(PHONE, PHONE_BEFORE), hashes(token, PHONE)))
    assert scene.caller(f"Bearer {PHONE_BEFORE}")
    scene.look()
    assert scene.caller(f"Bearer {token}") is scene.caller(f"Bearer {PHONE}") is not None
    assert scene.why_not(f"Bearer {PHONE_BEFORE}") == "the token is unknown or was revoked"
    assert lines == [f"{scene.path} has 4 tokens now"]


def test_fronts_with_the_same_tokens_tell_the_same_mark_and_others_another(scene: Scene) -> None:
    before = scene.file.mark
    scene.write(f"# the same, with a remark\n{ALL}")
    scene.look()
    assert scene.file.mark == before
    scene.write(ALL.replace(hashes(PHONE, PHONE_BEFORE), hashes(make_token(), PHONE)))
    scene.look()
    assert scene.file.mark not in (before, "")


def test_a_user_gets_the_new_limits_of_its_token(scene: Scene) -> None:
    assert scene.caller(f"Bearer {DJANGO}", relay_subject=["alice"])
    scene.write(ALL.replace("queued = 9", "queued = 10"))
    scene.look()
    caller = scene.caller(f"Bearer {DJANGO}", relay_subject=["alice"])
    assert caller
    assert caller.allowance.queued == 10


def test_a_file_that_stays_is_not_read(scene: Scene, lines: list[str]) -> None:
    known = scene.file.known
    scene.look(5)
    assert scene.file.known is known
    assert lines == []


def test_a_file_is_not_read_while_it_is_written(scene: Scene, lines: list[str]) -> None:
    for size in range(0, len(ALL), 40):  # as an editor, or a copy, may write it
        scene.path.write_text(ALL[:size])
        os.utime(scene.path, ns=(size, size))
        scene.look(1)
        assert scene.caller(f"Bearer {DJANGO}")
    scene.path.write_text(PHONES)
    scene.look()
    assert scene.caller(f"Bearer {PHONE}")
    assert scene.why_not(f"Bearer {DJANGO}") == "the token is unknown or was revoked"
    assert lines == [f"{scene.path} has 2 tokens now"]


def half(scene: Scene) -> None:
    scene.write(ALL[: ALL.index("trusted") + 3])


def gone(scene: Scene) -> None:
    scene.path.unlink()


def opened(scene: Scene) -> None:
    scene.path.chmod(0o666)


def large(scene: Scene) -> None:
    scene.write("#" * (1 << 21))


def odd(scene: Scene) -> None:
    scene.write("\0")


def folder(scene: Scene) -> None:
    scene.path.unlink()
    scene.path.mkdir()


WRONG = [
    (half, ", line 8: "),
    (gone, ": No such file or directory"),
    (opened, ": everybody may write it: chmod o-w"),
    (large, ": it has 2097152 bytes"),
    (odd, ", line 1: "),
    (folder, ": Is a directory"),
]


@pytest.mark.parametrize(("breaks", "said"), WRONG)
def test_the_tokens_of_before_stay_until_a_wrong_file_is_mended(
    scene: Scene,
    breaks: Callable[[Scene], None],
    said: str,
    lines: list[str],
    no_logged_failures: list[LogEvent],
) -> None:
    breaks(scene)
    scene.look(5)
    assert scene.caller(f"Bearer {PHONE}")
    [line] = lines
    assert line.startswith(f"--tokens {scene.path}{said}")
    assert line.endswith("; the previous tokens stay valid until this is corrected")
    no_logged_failures.clear()

    if scene.path.is_dir():
        scene.path.rmdir()
    scene.write(PHONES)
    scene.look(5)
    assert lines[1:] == [f"{scene.path} has 2 tokens now"]
    assert scene.why_not(f"Bearer {DJANGO}") == "the token is unknown or was revoked"


def test_each_wrong_change_is_told_once(
    scene: Scene, lines: list[str], no_logged_failures: list[LogEvent]
) -> None:
    for text in ("a", "b", "a"):
        scene.write(text)
        scene.look(5)
    assert len(lines) == 3
    no_logged_failures.clear()


def test_a_mode_that_was_mended_is_noticed(
    scene: Scene, lines: list[str], no_logged_failures: list[LogEvent]
) -> None:
    opened(scene)
    scene.look()
    scene.path.chmod(0o640)
    scene.look()
    assert lines[1:] == [f"{scene.path} has 4 tokens now"]
    no_logged_failures.clear()


def test_a_file_is_read_apart_from_the_reactor(scene: Scene) -> None:
    waiting: list[Callable[[], Any]] = []
    done: Deferred[Any] = Deferred()

    def apart(function: Callable[[], Any]) -> Deferred[Any]:
        waiting.append(function)
        return done

    file = TokenFile(str(scene.path), DEFAULTS, scene.clock.seconds, apart)
    file.read()
    scene.write(PHONES)
    assert file.look() is None
    assert file.look() is done
    assert len(file.known) == 4
    done.callback(waiting[0]())
    assert len(file.known) == 2


def test_spaces_around_a_token_are_no_part_of_it(scene: Scene) -> None:
    phone = scene.caller(f"Bearer {PHONE}")
    assert phone is not None
    for field in (f"Bearer  {PHONE}", f"Bearer {PHONE}  ", f"bearer   {PHONE}"):
        assert scene.caller(field) == phone
