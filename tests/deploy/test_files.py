"""What is shipped in ``deploy/`` agrees with relay, and with each other."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.model.settings import Settings, fields
from relay.net.descriptors import for_clients
from relay.process.spawned import PATIENCE
from tests.deploy.units import Unit
from tests.processes import ROOT

DEPLOY = ROOT / "deploy"
#: seconds within which everything has ended: workers their jobs, who does not is killed, then Redis
LONGEST_STOP = Settings().drain + 2 * PATIENCE


def test_systemd_waits_for_the_drain() -> None:
    assert float(Unit((DEPLOY / "relay.service").read_text()).one("TimeoutStopSec")) >= LONGEST_STOP


def test_docker_waits_for_the_drain() -> None:
    relay = re.search(r"^  relay:\n(.*?)^\S", (DEPLOY / "compose.yaml").read_text(), re.MULTILINE | re.DOTALL)
    assert relay is not None
    grace = re.search(r"stop_grace_period: (\d+)s", relay[1])
    assert grace is not None
    assert float(grace[1]) >= LONGEST_STOP
    docker = re.search(r"--stop-timeout (\d+)", (DEPLOY / "Dockerfile").read_text())
    assert docker is not None
    assert float(docker[1]) >= LONGEST_STOP


def test_a_front_has_descriptors_for_all_that_it_may_hold() -> None:
    limit = int(Unit((DEPLOY / "relay.service").read_text()).one("LimitNOFILE"))
    assert for_clients(limit) >= Settings().max_held


def test_settings_are_those_that_there_are(tmp_path: Path) -> None:
    shipped = tmp_path / "relay.toml"
    shipped.write_text((DEPLOY / "relay.toml").read_text())
    shipped.chmod(0o600)
    assert Settings.read({}, {}, str(shipped)).fronts == 2
    names = {f"RELAY_{name.upper()}" for name, *_ in fields()}
    assert set(re.findall(r"\bRELAY_\w+", (DEPLOY / "compose.yaml").read_text())) <= names


def test_the_socket_has_the_name_that_is_listened_to() -> None:
    name = Unit((DEPLOY / "relay.socket").read_text()).one("FileDescriptorName")
    assert f'"systemd:domain=INET:name={name}"' in (DEPLOY / "relay.toml").read_text()


@pytest.mark.processes
@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed on this machine"
)
def test_systemd_has_nothing_to_say_against_the_units(tmp_path: Path) -> None:
    service = (DEPLOY / "relay.service").read_text().replace("/srv/relay/venv/bin/twistd", "/bin/true")
    (tmp_path / "relay.service").write_text(service)
    shutil.copy(DEPLOY / "relay.socket", tmp_path)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / "relay.service", tmp_path / "relay.socket"],
        capture_output=True,
        text=True,
        check=False,
    )
    about_ours = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "relay." in line]
    assert about_ours == []
