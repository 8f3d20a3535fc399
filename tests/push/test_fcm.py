"""Google's devices: what is sent, and what becomes of each answer."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, gatherResults

from relay.model.problems.raised import NotConfigured
from relay.push import (
    CredentialsRefused,
    FcmSender,
    PushError,
    PushMessage,
    PushRefused,
    PushUnavailable,
    TokenGone,
    fcm_sender,
)
from tests.outbound.conftest import Scene
from tests.push.conftest import Loud, context_of
from tests.push.fcm_server import DEVICE, PROJECT, Answer, Fcm, error


def message(**shown: str) -> PushMessage:
    later = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1800))
    return PushMessage.of_outcome(
        {"id": "0-abc", "job": "resize", "state": "failed", "expires": later, "error": {"detail": "secret"}},
        **shown,
    )


@ensureDeferred
async def test_a_silent_message_wakes_the_app_on_either_platform(
    scene: Scene, fcm: Fcm, google: FcmSender
) -> None:
    pushed = await google.send(context_of(scene), DEVICE, message())
    assert pushed.id == f"projects/{PROJECT}/messages/1"
    taken = fcm.taken.get_nowait()
    ttl = int(taken["android"].pop("ttl").removesuffix("s"))
    assert 1700 < ttl <= 1800
    expires = int(taken["apns"]["headers"].pop("apns-expiration"))
    assert abs(expires - time.time() - 1800) < 60
    assert taken == {
        "token": DEVICE,
        "data": {"job_id": "0-abc", "job": "resize", "state": "failed"},
        "android": {"priority": "HIGH"},
        "apns": {
            "headers": {
                "apns-priority": "5",
                "apns-push-type": "background",
                "apns-collapse-id": "0-abc",
            },
            "payload": {"aps": {"content-available": 1}},
        },
    }


@ensureDeferred
async def test_one_with_a_text_is_shown_once_though_it_comes_twice(
    scene: Scene, fcm: Fcm, google: FcmSender
) -> None:
    await google.send(context_of(scene), DEVICE, message(title="Photos", text="grüße"))
    taken = fcm.taken.get_nowait()
    assert taken["notification"] == {"title": "Photos", "body": "grüße"}
    assert taken["android"]["notification"] == {"tag": "0-abc"}
    assert taken["apns"]["headers"]["apns-collapse-id"] == "0-abc"


REFUSED: list[tuple[Answer, type[PushError], str, float]] = [
    (error(404, "NOT_FOUND", "UNREGISTERED"), TokenGone, "UNREGISTERED", 0),
    (error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), TokenGone, "SENDER_ID_MISMATCH", 0),
    (
        error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token"),
        TokenGone,
        "INVALID_ARGUMENT",
        0,
    ),
    (
        error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.data"),
        PushRefused,
        "INVALID_ARGUMENT",
        0,
    ),
    (error(400, "INVALID_ARGUMENT"), PushRefused, "INVALID_ARGUMENT", 0),
    (error(404, "NOT_FOUND"), PushRefused, "NOT_FOUND", 0),
    (error(403, "PERMISSION_DENIED"), CredentialsRefused, "PERMISSION_DENIED", 0),
    (
        error(503, "UNAVAILABLE", "UNAVAILABLE", Retry_After="7"),
        PushUnavailable,
        "UNAVAILABLE",
        7,
    ),
    (error(500, "INTERNAL", "INTERNAL"), PushUnavailable, "INTERNAL", 0),
    ((502, {}, b"<!DOCTYPE html>"), PushUnavailable, "", 0),
    ((400, {}, {"error": "odd"}), PushRefused, "", 0),
    ((400, {}, {"error": {"details": ["odd", {"fieldViolations": [1]}]}}), PushRefused, "", 0),
]


@ensureDeferred
@pytest.mark.parametrize(("said", "kind", "reason", "pause"), REFUSED)
async def test_errors_are_told_apart(
    scene: Scene,
    fcm: Fcm,
    google: FcmSender,
    loud: Loud,
    said: Answer,
    kind: type,
    reason: str,
    pause: float,
) -> None:
    fcm.trouble.append(said)
    with pytest.raises(PushError) as caught:
        await google.send(context_of(scene), DEVICE, message())
    found = caught.value
    assert (type(found), found.reason, found.pause) == (kind, reason, pause)
    assert found.retryable == (kind is PushUnavailable)
    assert (len(fcm.asked), loud()) == (1, kind is CredentialsRefused)


@ensureDeferred
async def test_one_message_too_many_waits_as_long_as_google_says(
    scene: Scene, fcm: Fcm, google: FcmSender
) -> None:
    fcm.trouble.append(error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", Retry_After="0.2"))
    await google.send(context_of(scene), DEVICE, message())
    assert len(fcm.asked) == 2


# -- the access token --


@ensureDeferred
async def test_many_messages_have_one_access_token(scene: Scene, fcm: Fcm, google: FcmSender) -> None:
    context = context_of(scene)
    sent = [Deferred.fromCoroutine(google.send(context, DEVICE, message())) for _ in range(10)]
    await gatherResults(sent)
    assert (fcm.granted, fcm.taken.qsize()) == (1, 10)


@ensureDeferred
async def test_a_token_that_is_about_to_end_is_replaced(scene: Scene, fcm: Fcm, google: FcmSender) -> None:
    fcm.lifetime = 299  # Google's serve for an hour, and count as too old five minutes earlier
    for _ in range(2):
        await google.send(context_of(scene), DEVICE, message())
    assert fcm.granted == 2


@ensureDeferred
async def test_a_token_that_is_refused_is_replaced_once(
    scene: Scene, fcm: Fcm, google: FcmSender, loud: Loud
) -> None:
    await google.send(context_of(scene), DEVICE, message())
    fcm.expired.add(fcm.access())
    await google.send(context_of(scene), DEVICE, message())
    assert (fcm.granted, fcm.taken.qsize()) == (2, 2)
    fcm.expired |= {"ya29.2", "ya29.3"}
    with pytest.raises(CredentialsRefused):
        await google.send(context_of(scene), DEVICE, message())
    assert (fcm.granted, loud()) == (3, 1)


NO_TOKEN: list[tuple[Answer, type[PushError]]] = [
    ((400, {}, {"error": "invalid_grant", "error_description": "account not found"}), CredentialsRefused),
    ((401, {}, {"error": "invalid_client"}), CredentialsRefused),
    ((200, {}, {"odd": 1}), CredentialsRefused),
    ((200, {}, b"<html>"), CredentialsRefused),
]


@ensureDeferred
@pytest.mark.parametrize(("said", "kind"), NO_TOKEN)
async def test_no_access_token_is_no_message(
    scene: Scene, fcm: Fcm, google: FcmSender, loud: Loud, said: Answer, kind: type
) -> None:
    fcm.no_token.append(said)
    with pytest.raises(PushError) as caught:
        await google.send(context_of(scene), DEVICE, message())
    assert type(caught.value) is kind
    assert (fcm.asked, loud()) == ([], 1)
    await google.send(context_of(scene), DEVICE, message())
    assert len(fcm.asked) == 1


@ensureDeferred
async def test_a_token_server_that_fails_for_now_is_tried_again_later(
    scene: Scene, fcm: Fcm, google: FcmSender
) -> None:
    fcm.no_token.append((500, {}, {}))
    with pytest.raises(PushUnavailable):
        await google.send(context_of(scene), DEVICE, message())


# -- settings --


def test_no_account_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(NotConfigured, match="fcm_service_account"):
        fcm_sender({})


def test_the_environment_may_name_the_account(fcm: Fcm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(fcm.account_file))
    assert fcm_sender({})


def test_a_file_of_something_else_is_refused(fcm: Fcm, tmp_path: Path) -> None:
    account = json.loads(fcm.account_file.read_text())
    wrong = [b"", b"\xff", b"{}", b"[]", json.dumps({**account, "private_key": "no key"}).encode()]
    path = tmp_path / "other.json"
    for data in wrong:
        path.write_bytes(data)
        with pytest.raises(NotConfigured, match="fcm_service_account"):
            fcm_sender({"fcm_service_account": str(path)})
    with pytest.raises(NotConfigured, match="can't be read"):
        fcm_sender({"fcm_service_account": str(tmp_path / "none.json")})
