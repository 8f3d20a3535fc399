"""The operator's own check (``--callers module:object``): what can be one, and what is said of what can't."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent

from relay.front.callers.custom import load
from relay.http.request import Request
from relay.model.caller import Allowance, Caller
from relay.model.limits import Rate
from relay.model.sources import SettingError
from tests.front.scene import Scene

Write = Callable[[str], str]
STAFF = """
from twisted.internet.defer import Deferred, succeed
from relay.callers import Allowance, Caller, Rate, Unauthorized

ALICE = Caller("sub:alice")

class Staff:
    def identify(self, request):
        name = request.header("x-name")
        if name == "mallory":
            raise Unauthorized("mallory has left")
        return {"alice": ALICE, "late": succeed(ALICE), "nobody": None, "odd": "alice", "odder": succeed(7)}.get(name)

class Remembering(Staff):
    schemes = ("Basic",)
    def recall(self, request):
        return ALICE if request.header("x-remembered") else None

class Coroutines:
    async def identify(self, request):
        return ALICE

class Inner:
    staff = Staff()

staff, remembering, none, number = Staff(), Remembering(), None, 7

def make():
    return Staff()

def fail():
    raise ValueError("no file of names")

def needs(names):
    return Staff()

class Other:
    identify = "alice"
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a module of a name of its own, in the folder that relay was started in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(text: str) -> str:
        name = f"own_check_{len(list(tmp_path.iterdir()))}"
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


@pytest.fixture
def module(write: Write) -> str:
    return write(STAFF)


def refusal(text: str) -> str:
    with pytest.raises(SettingError) as told:
        load(text)
    said = str(told.value)
    assert said.startswith("--callers: ")
    assert "\n" not in said
    return said.removeprefix("--callers: ")


def ask(check: Any, name: str) -> Any:
    """What a whole front makes of a caller of this name."""
    headers = {"X-Name": name, "Prefer": "respond-async"}
    scene = Scene(check)
    answer = scene.call("POST", "/jobs/echo", {}, headers)
    return scene.store.job(scene.last()).owner if answer.status == 202 else answer


@pytest.mark.parametrize("path", ["staff", "Staff", "make", "remembering", "Coroutines", "Inner.staff"])
def test_an_instance_or_what_makes_one_is_a_check(module: str, path: str) -> None:
    assert ask(load(f"{module}:{path}"), "alice") == "sub:alice"


def test_a_check_may_answer_late_or_not_at_all(module: str) -> None:
    check = load(f"{module}:staff")
    assert ask(check, "late") == "sub:alice"
    assert ask(check, "nobody").status == 401
    refused = ask(check, "mallory")
    assert (refused.status, refused.json()["detail"]) == (401, "mallory has left")


@pytest.mark.parametrize("path", ["staff", "remembering", "Coroutines"])
def test_a_user_for_whom_the_check_lets_nobody_act_is_not_passed_over(module: str, path: str) -> None:
    scene = Scene(load(f"{module}:{path}"))
    for subject, status in (("bob", 403), ("", 400), ("alice", 202)):
        headers = {"X-Name": "alice", "Relay-Subject": subject, "Prefer": "respond-async"}
        assert scene.call("POST", "/jobs/echo", {}, headers).status == status
    assert [scene.store.job(id).owner for id in scene.store.ids()] == ["sub:alice"]


def test_a_check_without_a_memory_recalls_nobody(module: str) -> None:
    class Head:
        def header(self, name: str) -> str:
            return name

        def values(self, name: str) -> list[str]:
            return []

    head: Any = Head()
    assert load(f"{module}:staff").recall(head) is None
    assert load(f"{module}:remembering").recall(head) == Caller("sub:alice")


@pytest.mark.parametrize(("name", "kind"), [("odd", "str"), ("odder", "int")])
def test_what_is_not_a_caller_lets_nobody_in(
    module: str, no_logged_failures: list[LogEvent], name: str, kind: str
) -> None:
    assert ask(load(f"{module}:staff"), name).status == 500
    said = f"--callers {module}:staff must say a Caller or None, not a {kind}"
    assert said in str(no_logged_failures.pop()["log_failure"])


def test_a_401_names_the_schemes_of_the_check(module: str) -> None:
    for path, offered in (
        ("staff", 'Bearer realm="relay"'),
        ("remembering", 'Basic realm="relay", charset="UTF-8"'),
    ):
        assert ask(load(f"{module}:{path}"), "nobody").headers["www-authenticate"] == offered


def test_what_the_check_leaves_open_is_as_the_settings_say(write: Write) -> None:
    module = write(
        "from relay.callers import *\n"
        "class Check:\n"
        "    def identify(self, request):\n"
        "        return Caller('sub:a', name='team', allowance=Allowance(Rate.parse('1/s'), held=2))\n"
        "class Plain:\n"
        "    def identify(self, request):\n"
        "        return Caller('sub:a')\n"
    )
    defaults, request = Allowance(Rate.parse("9/s"), 8, 7, 6), Request("GET", b"/", "1.1", {})
    limited = load(f"{module}:Check", defaults).identify(request)
    assert limited == Caller("sub:a", name="team", allowance=Allowance(Rate.parse("1/s"), 2, 7, 6))
    plain = load(f"{module}:Plain", defaults).identify(request)
    assert plain == Caller("sub:a", name="sub:a", allowance=defaults)
    assert load(f"{module}:Plain").identify(request) == Caller("sub:a")


def test_a_module_that_is_not_there_is_told(write: Write) -> None:
    said = refusal("no_such_module:staff")
    assert (
        said
        == "No module named 'no_such_module': no_such_module is neither in the current folder nor installed"
    )
    importing = write("import no_such_library\n")
    assert refusal(f"{importing}:staff") == f"{importing}.py line 1: No module named 'no_such_library'"


@pytest.mark.parametrize("path", ["nothing", "none", "Inner.nothing", "staff.nothing.more"])
def test_an_object_that_is_not_there_is_told(module: str, path: str) -> None:
    assert refusal(f"{module}:{path}") == f"{module} has no {path}"


@pytest.mark.parametrize("path", ["number", "Other", "ALICE", "Caller.__doc__"])
def test_what_is_not_a_check_is_told(module: str, path: str) -> None:
    said = refusal(f"{module}:{path}")
    assert said == f"{module}:{path} is not a check: it has no method identify(request)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("staff = 1 / 0\n", "line 1: ZeroDivisionError: division by zero"),
        ("def staff(:\n", "line 1: invalid syntax"),
        ("raise SystemExit(3)\n", "line 1: SystemExit: 3"),
        (
            "open('names.txt')\n",
            "line 1: FileNotFoundError: [Errno 2] No such file or directory: 'names.txt'",
        ),
        ("raise ValueError('two\\nlines')\n", "line 1: ValueError: two lines"),
    ],
)
def test_an_exception_at_import_is_told_with_its_place(write: Write, text: str, said: str) -> None:
    module = write(text)
    assert refusal(f"{module}:staff") == f"{module}.py {said}"


def test_what_cannot_be_made_is_told(module: str) -> None:
    said = refusal(f"{module}:fail")
    assert said == f"{module}:fail can't be made: {module}.py line 32: ValueError: no file of names"
    assert "needs() missing 1 required positional argument: 'names'" in refusal(f"{module}:needs")


def test_a_deferred_that_never_fires_holds_the_request_alone() -> None:
    class Never:
        def recall(self, request: object) -> None:
            return None

        def identify(self, request: object) -> Deferred[Caller | None]:
            return Deferred()

    check: Any = Never()
    scene = Scene(check)
    visitor = scene.ask("POST", "/jobs/echo", {})
    assert visitor.answer() is None
    visitor.loseConnection()
    assert not scene.store.ids()
