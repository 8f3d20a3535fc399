"""``deploy/compose-cluster.yaml`` agrees with relay, and with itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from relay.model.settings import Settings, fields
from relay.redis.address import Address
from tests.deploy.test_files import LONGEST_STOP
from tests.processes import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose-cluster.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
RELAYS = {name: service for name, service in SERVICES.items() if service["image"] == "relay"}
NODES = {name: service for name, service in SERVICES.items() if name.startswith("redis-")}
NAMES = {f"RELAY_{name.upper()}" for name, *_ in fields()}


@pytest.fixture(params=RELAYS)
def service(request: pytest.FixtureRequest) -> Any:
    return RELAYS[request.param]


def test_settings_are_those_that_there_are(service: Any) -> None:
    given = service["environment"]
    assert set(given) <= NAMES
    assert Settings.read({}, given).redis == given["RELAY_REDIS"]


def test_all_nodes_are_named_and_made_one_cluster(service: Any) -> None:
    nodes = {node["networks"]["inside"]["ipv4_address"] for node in NODES.values()}
    address = Address.parse(service["environment"]["RELAY_REDIS"])
    assert address.kind == "cluster"
    assert {host for host, _ in address.hosts} == nodes
    (making,) = re.findall(r"--cluster create (.*) --cluster-replicas 1", SERVICES["create"]["command"][-1])
    assert {f"{node}:6379" for node in nodes} == set(making.split())
    assert set(SERVICES["create"]["depends_on"]) == set(NODES)


def test_each_master_has_a_partition(service: Any) -> None:
    assert Settings.read({}, service["environment"]).partitions == len(NODES) // 2


def test_docker_waits_for_the_drain(service: Any) -> None:
    assert float(service["stop_grace_period"].removesuffix("s")) >= LONGEST_STOP


def test_each_service_finds_its_networks_volumes_and_secrets() -> None:
    for service in SERVICES.values():
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert {volume.partition(":")[0] for volume in service.get("volumes", ())} <= set(COMPOSE["volumes"])
        assert set(service.get("secrets", ())) <= set(COMPOSE["secrets"])
    assert len(NODES) == len(COMPOSE["volumes"]) == 6


def test_somebody_works_on_the_queue_of_jobs_that_name_none() -> None:
    queues = [relay["environment"].get("RELAY_QUEUES") for relay in RELAYS.values()]
    assert sorted(queue for queue in queues if queue) == ["default", "reports"]
