"""What is shipped for Kubernetes agrees with relay, and with itself; a front runs with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from relay.commands.main import main
from relay.model.settings import Settings, fields
from relay.process.spawned import PATIENCE
from tests.processes import ROOT, Client, RedisProcess, RelayProcess, Response, eventually, free_port

MANIFESTS = ROOT / "deploy/kubernetes"
NAMES = {f"RELAY_{name.upper()}" for name, *_ in fields()}


def resources(kind: str) -> list[Any]:
    """All of a kind that the kustomization names."""
    files = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())["resources"]
    found = [each for name in files for each in yaml.safe_load_all((MANIFESTS / name).read_text())]
    return [each for each in found if each["kind"] == kind]


DEPLOYMENTS = {each["metadata"]["name"]: each for each in resources("Deployment")}
COMMON: dict[str, str] = resources("ConfigMap")[0]["data"]


def pod(deployment: Any) -> Any:
    return deployment["spec"]["template"]["spec"]


def container(deployment: Any) -> Any:
    (only,) = pod(deployment)["containers"]
    return only


def given(deployment: Any) -> dict[str, str]:
    """The settings of a Deployment's pods, less the URL of Redis, which is a secret."""
    own = {each["name"]: each["value"] for each in container(deployment)["env"] if "value" in each}
    return {**COMMON, **own}


def settings(deployment: Any) -> Settings:
    return Settings.read({}, given(deployment))


@pytest.fixture(params=DEPLOYMENTS)
def deployment(request: pytest.FixtureRequest) -> Any:
    return DEPLOYMENTS[request.param]


def test_kubernetes_knows_all_fields() -> None:
    import kubernetes_validate as validate

    version = validate.latest_version()
    for kind in ("ConfigMap", "Service", "Deployment", "PodDisruptionBudget", "HorizontalPodAutoscaler"):
        for each in resources(kind):
            validate.validate(each, version, strict=True)


def test_settings_are_those_that_there_are(deployment: Any) -> None:
    assert set(given(deployment)) | {"RELAY_REDIS"} <= NAMES
    for path in MANIFESTS.glob("*.yaml"):
        assert set(re.findall(r"\bRELAY_\w+", path.read_text())) <= NAMES
    (role,) = container(deployment)["args"]
    assert role == deployment["spec"]["selector"]["matchLabels"]["role"]
    assert settings(deployment).jobs


def test_kubernetes_waits_for_the_drain(deployment: Any) -> None:
    before = (
        container(deployment).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["0"])
    )
    longest = float(before[-1]) + settings(deployment).drain + 2 * PATIENCE
    assert pod(deployment)["terminationGracePeriodSeconds"] >= longest


def test_a_blocked_worker_is_ended_by_relay_which_says_why_before_kubernetes_does(deployment: Any) -> None:
    probe = container(deployment)["livenessProbe"]
    if container(deployment)["args"] == ["worker"]:
        assert probe["periodSeconds"] * probe["failureThreshold"] > settings(deployment).stall


def test_probes_go_to_a_port_that_relay_listens_to(deployment: Any) -> None:
    ports = {each["name"]: each["containerPort"] for each in container(deployment)["ports"]}
    assert settings(deployment).admin == f"tcp:{ports['admin']}"
    assert settings(deployment).listen == (f"tcp:{ports.get('http', 8080)}",)
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(deployment)[probe]["httpGet"]["port"] == "admin"


def test_secrets_are_where_settings_say_and_not_for_everybody(deployment: Any) -> None:
    mounts = {each["name"]: each["mountPath"] for each in container(deployment)["volumeMounts"]}
    (volume,) = (each for each in pod(deployment)["volumes"] if "secret" in each)
    for name in ("RELAY_TICKET_SECRETS", "RELAY_TOKENS"):
        assert str(Path(COMMON[name]).parent) == mounts[volume["name"]]
    assert not volume["secret"]["defaultMode"] & 0o007
    assert pod(deployment)["securityContext"]["fsGroup"]


def test_what_selects_pods_selects_those_of_one_deployment() -> None:
    selectors = [each["spec"]["selector"] for each in resources("Service")]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in resources("PodDisruptionBudget")]
    for selector in selectors:
        labels = [each["spec"]["template"]["metadata"]["labels"] for each in DEPLOYMENTS.values()]
        assert sum(selector.items() <= each.items() for each in labels) == 1


def test_workers_are_scaled_by_the_age_of_their_own_queue() -> None:
    scaled = {}
    for each in resources("HorizontalPodAutoscaler"):
        (metric,) = each["spec"]["metrics"]
        wanted = metric["external"]["metric"]
        assert wanted["name"] == "relay_queue_oldest_seconds"
        scaled[each["spec"]["scaleTargetRef"]["name"]] = wanted["selector"]["matchLabels"]["queue"]
    served = {name: given(each).get("RELAY_QUEUES") for name, each in DEPLOYMENTS.items()}
    assert scaled == {name: queue for name, queue in served.items() if queue}
    assert len(scaled) == len(DEPLOYMENTS) - 1


@pytest.fixture
def ports() -> dict[str, int]:
    return {"http": free_port(), "admin": free_port()}


@pytest.fixture
def front(redis: RedisProcess, tmp_path: Path, ports: dict[str, int]) -> Iterator[RelayProcess]:
    """A front with the settings of its Deployment, but for paths and ports."""
    (tmp_path / "ticket-secrets").write_text("a secret of relay and others\n")
    main(["tokens", "add", "probes", "--operator", "look", "--file", str(tmp_path / "tokens.toml")])
    for name in ("ticket-secrets", "tokens.toml"):
        (tmp_path / name).chmod(0o440)
    environment = {
        **{name: text.replace("/run/relay", str(tmp_path)) for name, text in COMMON.items()},
        "RELAY_ADMIN": f"tcp:{ports['admin']}",
        "RELAY_REDIS": redis.url,
        "RELAY_DRAIN": "1",
    }
    front = RelayProcess(tmp_path, "front", environment=environment)
    front._command = [word for word in front._command if word not in ("--admin", "")]
    front.start()
    yield front
    front.stop()


def asked(port: int, path: str) -> Response:
    """As the kubelet asks: by the pod's address."""
    with Client(port) as client:
        client.request("GET", path, None, {"Host": f"10.244.1.7:{port}", "User-Agent": "kube-probe/1.37"})
        return client.response()


@pytest.mark.long
def test_probes_are_answered_without_a_token(front: RelayProcess, ports: dict[str, int]) -> None:
    wanted = container(DEPLOYMENTS["relay-front"])
    assert asked(ports["admin"], wanted["livenessProbe"]["httpGet"]["path"]).status == 200
    eventually(
        lambda: asked(ports["admin"], wanted["readinessProbe"]["httpGet"]["path"]).status == 200,
        "it is ready",
    )
    assert asked(ports["admin"], "/metrics").status == 401
