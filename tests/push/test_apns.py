"""Apple's devices: what is sent, and what becomes of each answer."""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path

import jwt
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.defer import Deferred, DeferredList, gatherResults

from relay.model.problems.raised import NotConfigured
from relay.outbound import UpstreamError
from relay.outbound.host import OPENS_AFTER
from relay.push import (
    ApnsSender,
    CredentialsRefused,
    PushError,
    PushMessage,
    PushRefused,
    PushUnavailable,
    TokenGone,
    apns_sender,
)
from relay.push.apns import TOO_OFTEN
from relay.push.channel import SECONDS
from relay.push.signing import PERIOD
from tests.outbound.conftest import Scene
from tests.push.apns_server import DEVICE, TOPIC, Apns
from tests.push.conftest import Loud, context_of

OUTCOME = {"id": "0-abc", "job": "resize", "state": "succeeded", "expires": "2026-11-27T10:00:00Z"}


def message(**shown: str) -> PushMessage:
    return PushMessage.of_outcome({**OUTCOME, "result": "secret"}, **shown)


@ensureDeferred
async def test_a_silent_message_tells_which_job_has_ended_and_not_what_came_of_it(
    scene: Scene, apns: Apns, sender: ApnsSender
) -> None:
    pushed = await sender.send(context_of(scene), DEVICE, message())
    taken = apns.taken.get_nowait()
    assert taken.device == DEVICE
    assert taken.body == {
        "job_id": "0-abc",
        "job": "resize",
        "state": "succeeded",
        "aps": {"content-available": 1},
    }
    told = {name: value for name, value in taken.headers.items() if name.startswith("apns-")}
    assert told.pop("apns-id") == pushed.id == str(uuid.UUID(pushed.id))
    assert told == {
        "apns-topic": TOPIC,
        "apns-push-type": "background",
        "apns-priority": "5",
        "apns-expiration": "1795773600",
        "apns-collapse-id": "0-abc",
    }


@ensureDeferred
async def test_one_with_a_text_is_shown(scene: Scene, apns: Apns, sender: ApnsSender) -> None:
    await sender.send(context_of(scene), DEVICE, message(title="Photos", text="grüße"))
    taken = apns.taken.get_nowait()
    assert taken.body["aps"] == {"alert": {"title": "Photos", "body": "grüße"}}
    assert (taken.headers["apns-push-type"], taken.headers["apns-priority"]) == ("alert", "10")


@ensureDeferred
async def test_each_attempt_has_the_same_id_and_each_device_and_job_its_own(
    scene: Scene, apns: Apns, sender: ApnsSender
) -> None:
    first, again, other = [
        (await sender.send(context_of(scene, key), DEVICE, message())).id for key in ("a", "a", "b")
    ]
    with pytest.raises(TokenGone):
        await sender.send(context_of(scene, "a"), DEVICE[::-1], message())
    assert first == again
    assert len({first, other, apns.asked[-1]["apns-id"]}) == 3


REFUSED: list[tuple[int, str, type[PushError], float]] = [
    (410, "Unregistered", TokenGone, 0),
    (410, "ExpiredToken", TokenGone, 0),
    (400, "BadDeviceToken", TokenGone, 0),
    (400, "DeviceTokenNotForTopic", TokenGone, 0),
    (403, "InvalidProviderToken", CredentialsRefused, 0),
    (403, "Forbidden", CredentialsRefused, 0),
    (400, "TopicDisallowed", CredentialsRefused, 0),
    (400, "PayloadEmpty", PushRefused, 0),
    (413, "PayloadTooLarge", PushRefused, 0),
    (405, "MethodNotAllowed", PushRefused, 0),
    (429, "TooManyRequests", PushUnavailable, 1),
    (500, "InternalServerError", PushUnavailable, 0),
    (503, "ServiceUnavailable", PushUnavailable, 0),
    (503, "Shutdown", PushUnavailable, 0),
]


@ensureDeferred
@pytest.mark.parametrize(("status", "reason", "kind", "pause"), REFUSED)
async def test_errors_are_told_apart(
    scene: Scene,
    apns: Apns,
    sender: ApnsSender,
    loud: Loud,
    status: int,
    reason: str,
    kind: type,
    pause: float,
) -> None:
    apns.trouble.append((status, reason))
    with pytest.raises(PushError) as caught:
        await sender.send(context_of(scene), DEVICE, message())
    assert type(caught.value) is kind
    assert (caught.value.reason, caught.value.retryable) == (reason, kind is PushUnavailable)
    assert caught.value.pause == pause
    assert len(apns.asked) == 1
    assert loud() == (kind is CredentialsRefused)


@ensureDeferred
async def test_a_token_that_is_gone_says_since_when(scene: Scene, apns: Apns, sender: ApnsSender) -> None:
    apns.trouble.append((410, "Unregistered"))
    with pytest.raises(TokenGone) as caught:
        await sender.send(context_of(scene), DEVICE, message())
    assert caught.value.problem()["since"] == "2026-11-18T11:06:40Z"


@ensureDeferred
@pytest.mark.parametrize("token", ["", "../x", "00fc zz", "0" * 401, "é" * 64, "00fc13ad\r\nx: y"])
async def test_what_is_no_token_is_not_sent(scene: Scene, apns: Apns, sender: ApnsSender, token: str) -> None:
    with pytest.raises(TokenGone):
        await sender.send(context_of(scene), token, message())
    assert apns.connections == 0


@ensureDeferred
async def test_a_message_that_is_too_long_is_not_sent(scene: Scene, apns: Apns, sender: ApnsSender) -> None:
    with pytest.raises(PushRefused):
        await sender.send(context_of(scene), DEVICE, message(text="x" * 4096))
    assert apns.connections == 0


# -- the provider's token --


@ensureDeferred
async def test_one_token_serves_for_its_period_whichever_worker_signs_it(
    scene: Scene, apns: Apns, sender: ApnsSender
) -> None:
    for _ in range(3):
        await sender.send(context_of(scene), DEVICE, message())
    for other in apns_sender(apns.given()):
        await other.send(context_of(scene), DEVICE, message())
    assert len(set(apns.tokens[:3])) == 1
    said = [jwt.decode(token, options={"verify_signature": False}) for token in apns.tokens]
    assert {each["iat"] % PERIOD for each in said} == {0}
    assert len({each["iat"] for each in said}) <= 2  # where a period ended meanwhile


@ensureDeferred
async def test_a_token_that_is_too_old_is_renewed_once(
    scene: Scene, apns: Apns, sender: ApnsSender, loud: Loud, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    now = real() // PERIOD * PERIOD + PERIOD - 1  # the token of this period is as old as it gets
    monkeypatch.setattr("relay.push.signing.time.time", lambda: now)
    apns.trouble.append((403, "ExpiredProviderToken"))
    await sender.send(context_of(scene), DEVICE, message())
    assert len(set(apns.tokens)) == 2
    apns.trouble.append((403, "ExpiredProviderToken"))
    with pytest.raises(CredentialsRefused):  # a new one is not taken, either: the clock is wrong, say
        await sender.send(context_of(scene), DEVICE, message())
    assert (len(set(apns.tokens)), loud()) == (2, 1)


# -- the connection --


@ensureDeferred
async def test_many_share_one_connection_and_no_more_at_once_than_the_server_takes(
    scene: Scene, apns: Apns, sender: ApnsSender
) -> None:
    apns.most_streams = 7
    context = context_of(scene)
    text = "x" * 3800  # together more than the window of the connection
    sent = [
        Deferred.fromCoroutine(sender.send(context, DEVICE, message(title=f"{n}", text=text)))
        for n in range(60)
    ]
    await gatherResults(sent)
    taken = [apns.taken.get_nowait() for _ in range(60)]
    assert {each.body["aps"]["alert"]["title"] for each in taken} == {str(n) for n in range(60)}
    assert (apns.connections, {each.connection for each in taken}) == (1, {1})
    assert 1 < apns.most_at_once <= 7


@ensureDeferred
@pytest.mark.parametrize(("trouble", "connections"), [("goodbye", 2), ("refuse", 1)])
async def test_what_the_server_did_not_look_at_is_sent_again_at_once(
    scene: Scene, apns: Apns, sender: ApnsSender, trouble: str, connections: int
) -> None:
    await sender.send(context_of(scene), DEVICE, message())
    apns.trouble.append(trouble)
    await sender.send(context_of(scene), DEVICE, message())
    assert (apns.taken.qsize(), apns.connections) == (2, connections)


@ensureDeferred
@pytest.mark.parametrize(
    ("trouble", "patience", "type"), [("cut", SECONDS, "upstream-cut"), ("silence", 0.3, "upstream-timeout")]
)
async def test_what_got_no_answer_is_left_to_the_next_attempt_which_has_a_new_connection(
    scene: Scene,
    apns: Apns,
    sender: ApnsSender,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
    patience: float,
    type: str,
) -> None:
    await sender.send(context_of(scene), DEVICE, message())
    apns.trouble.append(trouble)
    with monkeypatch.context() as shortened:
        shortened.setattr("relay.push.channel.SECONDS", patience)
        with pytest.raises(UpstreamError) as caught:
            await sender.send(context_of(scene), DEVICE, message())
    assert (caught.value.type, caught.value.retryable) == (type, True)
    await sender.send(context_of(scene), DEVICE, message())
    assert apns.connections == 2


@ensureDeferred
async def test_calls_are_told_without_the_device(scene: Scene, apns: Apns, sender: ApnsSender) -> None:
    await sender.send(context_of(scene), DEVICE, message())
    for trouble, error in (((410, "Unregistered"), TokenGone), ("cut", UpstreamError)):
        apns.trouble.append(trouble)  # type: ignore[arg-type]
        with pytest.raises(error):
            await sender.send(context_of(scene), DEVICE, message())
    told = [(host, method, status) for host, method, status, _, _ in scene.events.calls]
    assert told == [("127.0.0.1", "POST", status) for status in (200, 410, 0)]
    assert {url for *_, url in scene.events.calls} == {f"{apns.url}/3/device"}


@ensureDeferred
async def test_a_service_that_keeps_failing_is_left_alone_for_a_while(
    scene: Scene, apns: Apns, sender: ApnsSender
) -> None:
    for _ in range(OPENS_AFTER):
        apns.trouble.append((503, "Shutdown"))
        with pytest.raises(PushUnavailable):
            await sender.send(context_of(scene), DEVICE, message())
    with pytest.raises(UpstreamError) as caught:
        await sender.send(context_of(scene), DEVICE, message())
    assert (caught.value.type, caught.value.retryable) == ("upstream-unavailable", True)
    assert len(apns.asked) == OPENS_AFTER


@ensureDeferred
async def test_one_connection_that_is_cut_is_no_reason_to_leave_the_service_alone(
    scene: Scene, apns: Apns, sender: ApnsSender
) -> None:
    await sender.send(context_of(scene), DEVICE, message())
    apns.trouble.append("cut")
    sent = [
        Deferred.fromCoroutine(sender.send(context_of(scene), DEVICE, message()))
        for _ in range(2 * OPENS_AFTER)
    ]
    ended = await DeferredList(sent, consumeErrors=True)
    assert {failure.value.type for well, failure in ended if not well} == {"upstream-cut"}
    assert len([well for well, _ in ended if not well]) > OPENS_AFTER
    await sender.send(context_of(scene), DEVICE, message())
    assert apns.connections == 2


@ensureDeferred
async def test_a_connection_that_was_idle_for_long_is_not_trusted(
    scene: Scene, apns: Apns, sender: ApnsSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("relay.push.channel.IDLE", -1.0)
    for _ in range(2):
        await sender.send(context_of(scene), DEVICE, message())
    assert (apns.taken.qsize(), apns.connections) == (2, 2)


@ensureDeferred
async def test_a_job_that_is_stopped_takes_its_request_back_and_leaves_the_connection(
    scene: Scene, apns: Apns, sender: ApnsSender
) -> None:
    await sender.send(context_of(scene), DEVICE, message())
    stopped = Deferred.fromCoroutine(sender.send(context_of(scene), DEVICE, message()))
    stopped.cancel()
    with pytest.raises(BaseException):  # noqa: B017, PT011
        await stopped
    await sender.send(context_of(scene), DEVICE, message())
    assert apns.connections == 1


@ensureDeferred
@pytest.mark.parametrize("who", ["elsewhere", "unknown"])
async def test_another_server_gets_nothing(
    scene: Scene,
    tmp_path: Path,
    certificates: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    who: str,
) -> None:
    if who == "elsewhere":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates["ca"]))
    shown = certificates["elsewhere" if who == "elsewhere" else "server"]
    apns = Apns(tmp_path, {"server": shown})
    for sender in apns_sender(apns.given()):
        with pytest.raises(UpstreamError) as caught:
            await sender.send(context_of(scene), DEVICE, message())
    assert (caught.value.type, apns.asked) == ("upstream-tls", [])
    apns.stop()


# -- settings --


@pytest.mark.parametrize("name", ["apns_key", "apns_key_id", "apns_team", "apns_topic"])
def test_what_is_missing_is_named(apns: Apns, name: str) -> None:
    with pytest.raises(NotConfigured, match=name):
        next(iter(apns_sender({**apns.given(), name: ""})))


def test_without_http2_the_extra_is_named(apns: Apns, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "h2"]:
        monkeypatch.setitem(sys.modules, name, None)
    for name in ("channel", "http2", "goodbye"):
        monkeypatch.delitem(sys.modules, f"relay.push.{name}")
    with pytest.raises(NotConfigured, match=r"install relay\[push\]"):
        next(iter(apns_sender(apns.given())))


@pytest.mark.parametrize("url", ["http://api.push.apple.com", "https://", "api.push.apple.com"])
def test_an_address_without_tls_is_refused(apns: Apns, url: str) -> None:
    with pytest.raises(NotConfigured, match="apns_url"):
        next(iter(apns_sender({**apns.given(), "apns_url": url})))


@pytest.mark.parametrize(
    "text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_has_no_key_is_refused(apns: Apns, tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.p8"
    path.write_text(text)
    for file in (path, tmp_path / "none.p8"):
        with pytest.raises(NotConfigured, match="apns_key"):
            next(iter(apns_sender({**apns.given(), "apns_key": str(file)})))


def test_too_many_tokens_are_a_minute_of_silence() -> None:
    from relay.push.apns import refusal
    from relay.push.http2 import Http2Answer

    error = refusal(Http2Answer(429, {}, b'{"reason":"TooManyProviderTokenUpdates"}'))
    assert (type(error), error.pause) == (PushUnavailable, TOO_OFTEN)
