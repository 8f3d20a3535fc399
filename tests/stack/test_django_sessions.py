"""A check of one's own (``examples/django/callers.py``): callers by their sessions at a real Django, behind nginx."""

from __future__ import annotations

import os
import runpy
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import pytest_twisted
from twisted.internet.task import Clock

from tests.processes import ROOT, LoggedProcess, RelayProcess, Response, eventually, free_port
from tests.stack.proxies import Nginx, changed

pytestmark = pytest.mark.processes

EXAMPLE = ROOT / "examples/django"
INVOICE = {"user": "anna", "number": 7}
MEANT = {"X-Requested-With": "fetch", "Prefer": "respond-async"}


@dataclass
class Sessions:
    """Django, a relay that asks it who calls, and nginx in front of both."""

    nginx: Nginx
    django: LoggedProcess
    relay: RelayProcess
    django_port: int

    def call(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> Response:
        with self.nginx.connect() as client:
            client.request(method, path, body, headers)
            return client.response(method)

    def log_in(self, user: str) -> dict[str, str]:
        """The cookie of a new session."""
        answer = self.call("POST", "/login", {}, {"Authorization": f"Bearer {user}'s token"})
        assert answer.json() == {"user": user}
        cookie = answer.headers["set-cookie"]
        assert "SameSite=Lax" in cookie
        assert "HttpOnly" in cookie
        return {"Cookie": f"theme=dark; {cookie.partition(';')[0]}"}

    def submit(self, headers: dict[str, str]) -> Response:
        return self.call("POST", "/jobs/invoice", INVOICE, {**MEANT, **headers})

    @contextmanager
    def away(self) -> Iterator[None]:
        """Django does not run."""
        assert self.django.process is not None
        os.killpg(self.django.process.pid, signal.SIGKILL)
        self.django.process.wait()
        try:
            yield
        finally:
            self.django.start()
            eventually(lambda: self.call("GET", "/hello").status == 200, "Django answers")

    @contextmanager
    def stuck(self) -> Iterator[None]:
        """Django takes connections and does not answer."""
        assert self.django.process is not None
        os.killpg(self.django.process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self.django.process.pid, signal.SIGCONT)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sessions]:
    directory = tmp_path_factory.mktemp("sessions")
    (directory / "ticket-secrets").write_text("the secret of this example\n")
    (directory / "ticket-secrets").chmod(0o600)
    ports = {"django": free_port(), "relay": free_port(), "nginx": free_port()}
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(EXAMPLE)]),
        "RELAY_URL": f"http://127.0.0.1:{ports['relay']}",
        "DJANGO_WHOAMI": f"http://127.0.0.1:{ports['django']}/whoami",
    }
    options = ["--jobs", "handlers", "--callers", "callers:sessions", "--trusted-proxy", "127.0.0.1"]
    options += ["--set", "seconds=0.2", "--cors", "https://app.example.com"]
    relay = RelayProcess(directory, "all", *options, environment=environment, port=ports["relay"])
    gunicorn = [sys.executable, "-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{ports['django']}"]
    django = LoggedProcess([*gunicorn, "shop.wsgi"], environment, directory)
    changes = {
        r"\n +\w+_temp_path .*": "",
        r"daemon off;\npid nginx\.pid;\nerror_log stderr notice;\n": "",
        r"127\.0\.0\.1:8000": f"127.0.0.1:{ports['nginx']}",
        r"127\.0\.0\.1:8001": f"127.0.0.1:{ports['django']}",
        r"127\.0\.0\.1:8080": f"127.0.0.1:{ports['relay']}",
    }
    nginx = Nginx(directory, changed((EXAMPLE / "nginx.conf").read_text(), changes), ports["nginx"])
    for process in (relay, django, nginx):
        process.start()
    django.wait_for("Booting worker", 2)
    running = Sessions(nginx, django, relay, ports["django"])
    anna = running.log_in("anna")
    eventually(lambda: running.submit(anna).status == 202, "the jobs are known")
    yield running
    for process in (nginx, django, relay):
        process.stop()
    assert relay.tracebacks() == 0


def test_without_a_session_nobody_calls(shop: Sessions) -> None:
    for cookie in ("", "theme=dark", "csrftoken=a; sessionid2=b", "sessionid"):
        answer = shop.submit({"Cookie": cookie} if cookie else {})
        assert (answer.status, answer.json()["type"]) == (401, "/problems/unauthorized"), cookie


def test_a_session_that_django_does_not_know_is_refused(shop: Sessions) -> None:
    forged = shop.log_in("anna")["Cookie"][:-3] + "xyz"
    for cookie in (
        forged,
        "sessionid=guessed",
        "sessionid=",
        f"sessionid={'a' * 5_000}",
        'sessionid="\xe9,\\"',
    ):
        answer = shop.submit({"Cookie": cookie})
        assert (answer.status, answer.json()["type"]) == (401, "/problems/unauthorized"), cookie


def test_a_user_sees_its_own_jobs_only(shop: Sessions) -> None:
    anna, ben = shop.log_in("anna"), shop.log_in("ben")
    submitted = shop.submit(anna)
    assert submitted.status == 202
    location = submitted.headers["location"]
    done = shop.call("GET", location, None, {**anna, "Prefer": "wait=20"})
    assert (done.status, done.json()["state"]) == (200, "succeeded")
    again = shop.log_in("anna")  # another session of the same user
    assert shop.call("GET", location, None, again).status == 200
    for method, headers in (("GET", {}), ("HEAD", {}), ("DELETE", MEANT), ("GET", {"Prefer": "wait=1"})):
        assert shop.call(method, location, None, {**ben, **headers}).status == 404
    assert shop.call("GET", location).status == 401


def test_two_sessions_at_once_are_nobodys(shop: Sessions) -> None:
    anna, ben = shop.log_in("anna")["Cookie"], shop.log_in("ben")["Cookie"]
    assert shop.submit({"Cookie": f"{anna}; {ben}"}).status == 401
    assert shop.submit({"Cookie": f"{anna}; {anna}"}).status == 202


@pytest.mark.parametrize(
    "page",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example", "Content-Type": "text/plain"},
    ],
    ids=str,
)
def test_a_page_elsewhere_cannot_use_the_session_of_its_visitor(shop: Sessions, page: dict[str, str]) -> None:
    anna = shop.log_in("anna")
    for warm in (False, True):  # whether relay remembers the session
        answer = shop.submit({**anna, **page})
        assert answer.status == 403, warm
        assert "access-control-allow-origin" not in answer.headers
        assert shop.submit(anna).status == 202


def test_not_even_a_page_that_is_named_can_use_it_by_a_plain_form(shop: Sessions) -> None:
    anna, named = shop.log_in("anna"), {"Origin": "https://app.example.com", "Sec-Fetch-Site": "cross-site"}
    assert shop.submit(anna).status == 202  # it is remembered now
    answer = shop.call("POST", "/jobs/invoice", INVOICE, {**anna, **named})
    assert (answer.status, answer.json()["type"]) == (403, "/problems/forbidden")
    asking = {
        **named,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-requested-with",
    }
    with shop.nginx.connect() as client:
        client.request("OPTIONS", "/jobs/invoice", None, asking)
        status, told, _ = client.head()
    assert status == 204
    assert "x-requested-with" not in told["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in told


def test_a_page_of_the_site_itself_may_call(shop: Sessions) -> None:
    ours = {"Origin": f"http://localhost:{shop.nginx.port}", "Sec-Fetch-Site": "same-origin"}
    assert shop.submit({**shop.log_in("anna"), **ours}).status == 202


def test_while_django_is_away_those_that_are_not_known_are_told_so(shop: Sessions) -> None:
    anna, ben = shop.log_in("anna"), shop.log_in("ben")
    assert shop.submit(anna).status == 202
    with shop.away():
        assert shop.submit(anna).status == 202  # asked less than five seconds ago
        answer = shop.relay.call("POST", "/jobs/invoice", INVOICE, {**MEANT, **ben})
        assert (answer.status, answer.json()["type"]) == (503, "/problems/callers-away")
        assert answer.headers["retry-after"] == "5"
    assert shop.submit(ben).status == 202


def test_a_django_that_does_not_answer_holds_nobody_for_long(shop: Sessions) -> None:
    ben = shop.log_in("ben")
    with shop.stuck():
        assert shop.submit(ben).status == 503
    assert shop.submit(ben).status == 202


class Head:
    """A request, as far as a check looks at it."""

    method, address = "GET", "127.0.0.1"

    def __init__(self, cookie: str) -> None:
        self._cookie = cookie

    def values(self, name: str) -> list[str]:
        return [self._cookie] if name == "cookie" else []


@pytest_twisted.ensureDeferred
async def test_what_django_said_counts_for_seconds_and_is_bounded(shop: Sessions) -> None:
    clock, whoami = Clock(), f"http://127.0.0.1:{shop.django_port}/whoami"
    check = runpy.run_path(str(EXAMPLE / "callers.py"))["DjangoSessions"](whoami, most=2, now=clock.seconds)
    heads = [Head(shop.log_in(user)["Cookie"]) for user in ("anna", "ben", "anna")]
    for head in heads[:2]:
        assert check.recall(head) is None
        caller = await check.identify(head)
        assert check.recall(head) == caller
    assert [check.recall(head).owner for head in heads[:2]] == ["sub:anna", "sub:ben"]
    clock.advance(4.9)
    await check.identify(heads[2])  # which is one too many
    assert [check.recall(head) is not None for head in heads] == [False, True, True]
    clock.advance(0.1)
    assert [check.recall(head) is not None for head in heads] == [False, False, True]
