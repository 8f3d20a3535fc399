"""Push services on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.logger import LogEvent, Logger

from relay.push import ApnsSender, FcmSender, apns_sender, fcm_sender
from tests.certificates import write_authority
from tests.outbound.conftest import Scene
from tests.outbound.conftest import scene as scene
from tests.push.apns_server import Apns
from tests.push.fcm_server import Fcm

SAID = ("Apple refuses the credentials", "Google refuses the credentials", "Google gives no access token")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trusted(certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is one that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates["ca"]))


@pytest.fixture
def apns(tmp_path: Path, certificates: dict[str, Path], trusted: None) -> Iterator[Apns]:
    apns = Apns(tmp_path, certificates)
    yield apns
    apns.stop()
    assert not apns.trouble


@pytest.fixture
def sender(apns: Apns) -> Iterator[ApnsSender]:
    yield from apns_sender(apns.given())


@pytest.fixture
def fcm(tmp_path: Path) -> Iterator[Fcm]:
    fcm = Fcm(tmp_path)
    yield fcm
    fcm.stop()
    assert not fcm.trouble


@pytest.fixture
def google(fcm: Fcm) -> FcmSender:
    return fcm_sender(fcm.given())


Loud = Callable[[], int]


@pytest.fixture
def loud(no_logged_failures: list[LogEvent]) -> Loud:
    """How many lines told the operator of refused credentials, since the last question."""

    def count() -> int:
        told = [each for each in no_logged_failures if str(each["log_format"]).startswith(SAID)]
        no_logged_failures[:] = [each for each in no_logged_failures if each not in told]
        return len(told)

    return count


def context_of(scene: Scene, key: str = "0-abc-then") -> Any:
    """Of an attempt at a job that has this key for calls."""
    return SimpleNamespace(http=scene.job(), idempotency_key=key, log=Logger(), settings={})
