"""Outcomes that nobody collected are pushed to the phone, through all of relay."""

from __future__ import annotations

import asyncio
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.client import AsyncClient, Client
from tests.certificates import write_authority
from tests.processes import LoggedProcess, RelayProcess, eventually
from tests.push import apns_server, fcm_server
from tests.push.apns_server import Apns
from tests.push.fcm_server import Fcm

pytestmark = pytest.mark.processes

LATER = {"Prefer": "respond-async"}
TO_GOOGLE = {**LATER, "Relay-Notify": fcm_server.DEVICE}
TO_APPLE = {**LATER, "Relay-Notify": apns_server.DEVICE}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def apns(tmp_path_factory: pytest.TempPathFactory, certificates: dict[str, Path]) -> Iterator[Apns]:
    apns = Apns(tmp_path_factory.mktemp("apns"), certificates)
    yield apns
    apns.stop()


@pytest.fixture(scope="module")
def fcm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fcm]:
    fcm = Fcm(tmp_path_factory.mktemp("fcm"))
    yield fcm
    fcm.stop()


def words(settings: dict[str, str]) -> list[str]:
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def pushing(
    tmp_path_factory: pytest.TempPathFactory, apns: Apns, fcm: Fcm, certificates: dict[str, Path]
) -> Iterator[RelayProcess]:
    """A relay whose outcomes are pushed to these servers."""
    modules = ["--jobs", "relay.jobs", "--jobs", "tests.push.pushed_jobs"]
    relay = RelayProcess(
        tmp_path_factory.mktemp("pushing"),
        "all",
        *words({**apns.given(), **fcm.given()}),
        *modules,
        environment={"SSL_CERT_FILE": str(certificates["ca"])},
    )
    relay.start()
    yield relay
    relay.stop()


def pushed(relay: RelayProcess, id: str) -> dict[str, Any]:
    """What came of the push of a job's outcome."""
    eventually(lambda: relay.call("HEAD", f"/jobs/{id}-then").status == 200, "the job has ended")
    envelope: dict[str, Any] = relay.call("GET", f"/jobs/{id}-then", headers={"Prefer": "wait=20"}).json()
    return envelope


def submitted(relay: RelayProcess, name: str, text: str, headers: dict[str, str]) -> str:
    id: str = relay.call("POST", f"/jobs/{name}", {"text": text}, headers).json()["id"]
    return id


def test_apples_phone_gets_one_push_with_the_jobs_id(pushing: RelayProcess, apns: Apns) -> None:
    id = submitted(pushing, "draw", "secret", TO_APPLE)
    taken = apns.taken.get(timeout=20)
    assert taken.device == apns_server.DEVICE
    assert taken.body == {
        "job_id": id,
        "job": "draw",
        "state": "succeeded",
        "aps": {"content-available": 1},
    }
    assert pushed(pushing, id)["result"] == {"id": taken.headers["apns-id"]}
    assert pushing.call("GET", f"/jobs/{taken.body['job_id']}").json()["result"] == "secret"
    with pytest.raises(queue.Empty):
        apns.taken.get_nowait()


@pytest.mark.parametrize(("text", "state"), [("secret", "succeeded"), ("", "failed")])
def test_googles_phone_gets_one_push_that_says_how_the_job_ended(
    pushing: RelayProcess, fcm: Fcm, text: str, state: str
) -> None:
    id = submitted(pushing, "paint", text, TO_GOOGLE)
    taken = fcm.taken.get(timeout=20)
    assert (taken["token"], taken["data"]) == (
        fcm_server.DEVICE,
        {"job_id": id, "job": "paint", "state": state},
    )
    assert pushed(pushing, id)["state"] == "succeeded"
    with pytest.raises(queue.Empty):
        fcm.taken.get_nowait()


def by_threads(relay: RelayProcess) -> str:
    with Client(f"http://127.0.0.1:{relay.port}") as client:
        return client.submitting(notify=fcm_server.DEVICE)("paint", text="x")


def by_tasks(relay: RelayProcess) -> str:
    async def submit() -> str:
        async with AsyncClient(f"http://127.0.0.1:{relay.port}") as client:
            return await client.submitting(notify=fcm_server.DEVICE)("paint", text="x")

    return asyncio.run(submit())


def by_command(relay: RelayProcess) -> str:
    words = ["submit", "paint", "text=x", "--async", "--notify", fcm_server.DEVICE]
    command = [sys.executable, "-m", "relay.commands.main", *words, "--url", f"http://127.0.0.1:{relay.port}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("submit", [by_threads, by_tasks, by_command])
def test_python_and_a_shell_name_a_device(
    pushing: RelayProcess, fcm: Fcm, submit: Callable[[RelayProcess], str]
) -> None:
    id = submit(pushing)
    taken = fcm.taken.get(timeout=20)
    assert (taken["token"], taken["data"]["job_id"]) == (fcm_server.DEVICE, id)
    assert pushed(pushing, id)["state"] == "succeeded"


def test_who_stops_waiting_is_pushed(pushing: RelayProcess, fcm: Fcm) -> None:
    async def give_up() -> None:
        async with AsyncClient(f"http://127.0.0.1:{pushing.port}") as client:
            begun = asyncio.Event()
            call = client.calling(notify=fcm_server.DEVICE, heard=lambda event: begun.set())
            waiting = asyncio.ensure_future(call("paint", text="x", seconds=1))
            await begun.wait()
            waiting.cancel()

    asyncio.run(give_up())
    assert fcm.taken.get(timeout=20)["token"] == fcm_server.DEVICE


def test_a_client_that_has_its_answer_is_not_pushed(pushing: RelayProcess, fcm: Fcm) -> None:
    answer = pushing.call("POST", "/jobs/paint", {"text": "x"}, {"Relay-Notify": fcm_server.DEVICE})
    assert answer.json()["result"] == "x"
    assert pushing.call("GET", f"/jobs/{answer.json()['id']}-then").status == 404


def test_a_client_that_names_no_device_is_not_pushed(pushing: RelayProcess, fcm: Fcm) -> None:
    before = len(fcm.asked)
    id = submitted(pushing, "paint", "x", LATER)
    assert pushed(pushing, id)["result"] == {"id": ""}
    assert len(fcm.asked) == before


def test_a_device_means_nothing_to_a_job_without_pushes(pushing: RelayProcess) -> None:
    answer = pushing.call("POST", "/jobs/echo", {"message": 1}, {"Relay-Notify": fcm_server.DEVICE})
    assert answer.json()["result"] == 1


@pytest.mark.parametrize("device", ["", "a b", "é", "x" * 1025])
def test_what_can_be_no_device_is_refused(pushing: RelayProcess, device: str) -> None:
    answer = pushing.call("POST", "/jobs/paint", {"text": "x"}, {"Relay-Notify": device})
    assert (answer.status, answer.json()["type"]) == (400, "/problems/malformed")


def test_the_push_of_a_known_key_goes_to_the_device_that_it_named_first(
    pushing: RelayProcess, fcm: Fcm
) -> None:
    headers = {**TO_GOOGLE, "Idempotency-Key": '"one"'}
    ids = {
        pushing.call("POST", "/jobs/paint", {"text": "x", "seconds": 1}, {**headers, **other}).json()["id"]
        for other in ({}, {"Relay-Notify": "another"})
    }
    assert len(ids) == 1
    assert fcm.taken.get(timeout=20)["token"] == fcm_server.DEVICE


def test_a_service_that_fails_for_now_is_asked_again_with_the_same_id(
    pushing: RelayProcess, apns: Apns
) -> None:
    del apns.asked[:]
    apns.trouble += [(503, "ServiceUnavailable"), (429, "TooManyRequests")]
    id = submitted(pushing, "draw", "x", TO_APPLE)
    assert apns.taken.get(timeout=30).body["job_id"] == id
    assert pushed(pushing, id)["attempts"] == 3
    assert len({asked["apns-id"] for asked in apns.asked}) == 1


def test_a_device_that_is_gone_fails_the_push_once(pushing: RelayProcess, fcm: Fcm) -> None:
    before = len(fcm.asked)
    id = submitted(pushing, "paint", "x", {**TO_GOOGLE, "Relay-Notify": "removed"})
    failed = pushed(pushing, id)
    assert (failed["state"], failed["attempts"], len(fcm.asked) - before) == ("failed", 1, 1)
    problem = failed["error"]
    assert (problem["type"], problem["reason"]) == ("/problems/push-token-gone", "UNREGISTERED")
    assert "removed" not in str(failed)


def test_a_handler_of_the_apps_own_forgets_a_device_that_is_gone(pushing: RelayProcess, apns: Apns) -> None:
    other = apns_server.DEVICE[::-1]
    id = submitted(pushing, "carve", "x", {**LATER, "Relay-Notify": other})
    assert pushed(pushing, id)["result"] == f"forget {other}: BadDeviceToken"
    submitted(pushing, "carve", "x", TO_APPLE)
    assert apns.taken.get(timeout=20).body["aps"]["alert"]["body"] == "It is there"


def test_clients_can_push_nothing_themselves(pushing: RelayProcess) -> None:
    for name in ("push_fcm", "push_apns", "tell"):
        asked = {"outcome": {"id": "x", "job": "x", "state": "x"}, "notify": fcm_server.DEVICE}
        assert pushing.call("POST", f"/jobs/{name}", asked).status == 404


WRONG = [
    ({"fcm_service_account": "/none.json"}, r"/none\.json can't be read"),
    ({"apns_topic": "com.example.app"}, r"apns_key, apns_key_id, apns_team: not set"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG)
def test_a_worker_does_not_start_with_settings_that_are_not_whole(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    relay = RelayProcess(tmp_path, "all", "--jobs", "relay.jobs", *words(settings))
    LoggedProcess.start(relay)
    relay.wait_for(said)
    relay.stop()
