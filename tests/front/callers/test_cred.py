"""Callers by checkers of `twisted.cred`: what is read, who is asked, and what a whole front answers."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from twisted.cred.checkers import (
    ANONYMOUS,
    FilePasswordDB,
    ICredentialsChecker,
    InMemoryUsernamePasswordDatabaseDontUse,
)
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogEvent
from zope.interface import implementer

from relay.callers import Allowance, BearerToken, CredCheck, IBearerToken, JobPatterns
from relay.model.caller import Caller
from tests.front.scene import Scene

LATER = {"Prefer": "respond-async"}


@implementer(ICredentialsChecker)
class Tokens:
    """Knows tokens; ``late`` is found out when `found` fires."""

    credentialInterfaces = (IBearerToken,)

    def __init__(self) -> None:
        self.found: Deferred[Any] = Deferred()
        self.seen: list[bytes] = []

    def requestAvatarId(self, credentials: BearerToken) -> Any:
        self.seen.append(credentials.token)
        if credentials.token == b"broken":
            raise OSError("the database is away")
        if credentials.token == b"denied":
            return fail(LoginDenied())
        known = {b"t1": succeed("carol"), b"late": self.found, b"nobody": succeed(ANONYMOUS), b"bell": "a\a"}
        return known[credentials.token] if credentials.token in known else fail(UnauthorizedLogin())


def memory(**users: bytes) -> Any:
    return InMemoryUsernamePasswordDatabaseDontUse(**users)


def basic(text: str | bytes) -> dict[str, str]:
    data = text.encode() if isinstance(text, str) else text
    return {"Authorization": f"Basic {base64.b64encode(data).decode()}"}


def call(scene: Scene, headers: dict[str, str]) -> Any:
    """The owner of the job that is submitted, or the answer where none is."""
    answer = scene.call("POST", "/jobs/echo", {}, {**LATER, **headers})
    return scene.store.job(scene.last()).owner if answer.status == 202 else answer


def detail(scene: Scene, headers: dict[str, str]) -> str:
    answer = call(scene, headers)
    assert answer.status == 401
    assert "www-authenticate" in answer.headers
    return str(answer.json()["detail"])


def test_a_name_and_its_password_are_a_caller() -> None:
    scene = Scene(CredCheck(memory(alice=b"sesame", bob=b"a:b")))
    assert call(scene, basic("alice:sesame")) == "sub:alice"
    assert call(scene, basic("bob:a:b")) == "sub:bob"
    for wrong in ("alice:", "alice:Sesame", "alice:sesame ", "carol:sesame", ":sesame", ":"):
        assert detail(scene, basic(wrong)) == "the name or the password is wrong"


def test_another_ones_job_is_not_there() -> None:
    scene = Scene(CredCheck(memory(alice=b"a", bob=b"b")))
    assert call(scene, basic("alice:a")) == "sub:alice"
    path = f"/jobs/{scene.last()}"
    assert scene.call("GET", path, headers=basic("alice:a")).status == 200
    assert scene.call("GET", path, headers=basic("bob:b")).status == 404
    assert scene.call("GET", path).status == 401


def test_a_file_of_passwords_is_read_as_it_is_now(tmp_path: Path, no_logged_failures: list[LogEvent]) -> None:
    file = tmp_path / "passwords"
    file.write_bytes("alice:sesame\nzoë:пароль\n".encode())
    scene = Scene(CredCheck(FilePasswordDB(str(file))))
    assert call(scene, basic("alice:sesame")) == "sub:alice"
    assert call(scene, basic("zoë:пароль")) == "sub:zoë"
    file.write_text("alice:another\n")
    assert detail(scene, basic("alice:sesame")) == "the name or the password is wrong"
    file.unlink()
    assert detail(scene, basic("alice:another")) == "the name or the password is wrong"
    assert "Unable to load credentials" in no_logged_failures.pop()["log_format"]


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic  "])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    scene = Scene(CredCheck(memory(alice=b"sesame")))
    given = f"{scheme} {base64.b64encode(b'alice:sesame').decode()}"
    assert call(scene, {"Authorization": given}) == "sub:alice"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Basic", "a colon"),
        ("Basic ", "a colon"),
        ("Basic YWxpY2U6c2VzYW1l=", "UTF-8 and Base64"),
        ("Basic YWxpY2U6c2VzYW1", "UTF-8 and Base64"),
        ("Basic YWxp Y2U6c2VzYW1l", "UTF-8 and Base64"),
        ("Basic \xe9", "UTF-8 and Base64"),
        ("Basic alice:sesame", "UTF-8 and Base64"),
        (basic(b"zo\xeb:a")["Authorization"], "UTF-8 and Base64"),
        (basic("alice")["Authorization"], "a colon"),
        (basic("alice\0:sesame")["Authorization"], "control characters"),
        (basic("alice:ses\tame")["Authorization"], "control characters"),
        (basic("alice:sesame\n")["Authorization"], "control characters"),
        (basic("a" * 3_073)["Authorization"], "more than 4 KiB"),
        ("Basic " + "A" * 9_000, "more than 4 KiB"),
    ],
)
def test_what_is_malformed_is_refused_and_nobody_is_asked(given: str, said: str) -> None:
    class NeverAsked:
        credentialInterfaces = memory().credentialInterfaces

    assert said in detail(Scene(CredCheck(NeverAsked())), {"Authorization": given})


def test_two_fields_are_malformed() -> None:
    one = basic("alice:sesame")["Authorization"]
    answer = call(
        Scene(CredCheck(memory(alice=b"sesame"))), {"Authorization": f"{one}\r\nAuthorization: {one}"}
    )
    assert answer.status == 400


def test_a_token_is_a_caller() -> None:
    tokens = Tokens()
    scene = Scene(CredCheck(tokens))
    assert call(scene, {"Authorization": "Bearer t1"}) == "sub:carol"
    for token in ("denied", "other", "t1 t1"):
        assert detail(scene, {"Authorization": f"Bearer {token}"}) == "the token is not valid"
    for token in ("nobody", "bell"):
        assert (
            detail(scene, {"Authorization": f"Bearer {token}"})
            == "the credentials are not those of a subject"
        )
    assert "more than 4 KiB" in detail(scene, {"Authorization": "Bearer " + "a" * 5_000})
    assert len(tokens.seen) == 6


def test_a_checker_may_take_its_time() -> None:
    tokens = Tokens()
    scene = Scene(CredCheck(tokens))
    visitor = scene.ask("POST", "/jobs/echo", {}, {"Authorization": "Bearer late", **LATER})
    assert visitor.answer() is None
    tokens.found.callback(b"dave")
    answer = visitor.answer()
    assert answer is not None
    assert answer.status == 202
    assert scene.store.job(scene.last()).owner == "sub:dave"


def test_a_checker_that_breaks_lets_nobody_in(no_logged_failures: list[LogEvent]) -> None:
    assert call(Scene(CredCheck(Tokens())), {"Authorization": "Bearer broken"}).status == 500
    assert "the database is away" in str(no_logged_failures.pop()["log_failure"])


def test_the_first_checker_that_takes_a_kind_is_asked() -> None:
    scene = Scene(CredCheck(memory(alice=b"a"), Tokens(), memory(bob=b"b")))
    assert call(scene, basic("alice:a")) == "sub:alice"
    assert call(scene, {"Authorization": "Bearer t1"}) == "sub:carol"
    assert detail(scene, basic("bob:b")) == "the name or the password is wrong"


@pytest.mark.parametrize(
    ("checkers", "offered"),
    [
        ([memory()], ['Basic realm="relay", charset="UTF-8"']),
        ([Tokens()], ['Bearer realm="relay"']),
        ([memory(), Tokens()], ['Bearer realm="relay"', 'Basic realm="relay", charset="UTF-8"']),
    ],
)
def test_a_401_offers_what_is_taken(checkers: list[Any], offered: list[str]) -> None:
    visitor = Scene(CredCheck(*checkers)).ask("POST", "/jobs/echo", {})
    head = visitor.value().partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line.partition(": ")[2] for line in head if line.startswith("WWW-Authenticate")] == offered


def test_a_kind_that_nobody_takes_is_told() -> None:
    assert "not credentials that relay accepts" in detail(Scene(CredCheck(Tokens())), basic("alice:a"))
    assert "not credentials that relay accepts" in detail(
        Scene(CredCheck(memory())), {"Authorization": "Bearer t1"}
    )
    with pytest.raises(ValueError, match="needs a checker"):
        CredCheck()


def test_what_all_may_do_is_told_once() -> None:
    jobs, allowance = JobPatterns.parse(["s3_*"]), Allowance(held=3)
    check: Any = CredCheck(memory(alice=b"a"), jobs=jobs, allowance=allowance)
    assert call(Scene(check), basic("alice:a")).status == 403

    class Head:
        def header(self, name: str) -> str:
            return basic("alice:a")["Authorization"]

        def values(self, name: str) -> list[str]:
            return [self.header(name)]

    found: list[Caller] = []
    check.identify(Head()).addCallback(found.append)
    assert found == [Caller("sub:alice", name="sub:alice", jobs=jobs, allowance=allowance)]


def test_a_password_that_a_browser_sends_on_its_own_is_of_no_use_to_a_page_elsewhere() -> None:
    """It was typed once, into the browser's own window, and goes with each request since."""
    scene = Scene(CredCheck(memory(alice=b"a"), Tokens()), cors=("https://app.example.com",))
    for foreign in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert call(scene, {**basic("alice:a"), **foreign}).status == 403
        assert call(scene, {"Authorization": "Bearer t1", **foreign}) == "sub:carol"
    for ours in (
        {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://localhost"},
    ):
        assert call(scene, {**basic("alice:a"), **ours}) == "sub:alice"


def test_a_page_can_read_that_it_has_no_credentials() -> None:
    scene = Scene(CredCheck(memory(alice=b"a")), cors=("https://app.example.com",))
    answer = call(scene, {"Origin": "https://app.example.com"})
    assert answer.status == 401
    assert answer.headers["access-control-allow-origin"] == "https://app.example.com"
    asking = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    assert scene.call("OPTIONS", "/jobs/echo", headers=asking).status == 204
