"""Imports go down only, circles stand nowhere, not even in a package or in types."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: the packages that each may import from, itself aside
BELOW: dict[str, set[str]] = {
    "model": set(),
    "net": {"timing"},
    "timing": set(),
    "redis": {"net", "timing"},
    "http": {"net", "timing", "telemetry", "model"},
    "serving": {"http", "net", "timing", "telemetry", "model"},
    "outbound": {"net", "timing", "telemetry", "model"},
    "handlers": {"outbound", "model"},  # of outbound the type of `Context.http`
    "celery": {"redis", "timing", "handlers", "model"},
    "store": {"redis", "net", "timing", "telemetry", "model"},
    "submitting": {"store", "redis", "net", "timing", "model"},
    "front": {"submitting", "serving", "http", "store", "redis", "net", "timing", "telemetry", "model"},
    "worker": {
        *("submitting", "handlers", "outbound", "store", "redis", "net", "timing", "telemetry", "model"),
    },
    "client": {"handlers", "timing", "model"},  # of handlers what a caller that has one has imported already
    "solo": {"front", "worker", "submitting", "handlers", "outbound", "store", "model"},
    "testing": {"solo", "worker", "handlers", "outbound", "store", "net", "model"},
    "process": {
        *("front", "worker", "solo", "celery", "handlers", "outbound"),
        *("admin", "operations", "submitting", "serving", "store", "redis", "http", "net", "timing"),
        *("telemetry", "model"),
    },
    "commands": {
        *("process", "admin", "doctor", "operations", "front", "worker", "solo", "handlers", "outbound"),
        "client",
        *("submitting", "store", "redis", "net", "timing", "telemetry", "model"),
    },
    "telemetry": {"model"},
    "operations": {"store", "redis", "net", "timing", "telemetry", "model"},
    "doctor": {"store", "redis", "net", "model"},
    "admin": {"operations", "serving", "http", "store", "redis", "net", "timing", "telemetry", "model"},
    "s3": {"handlers", "outbound", "net", "model"},
    "push": {"handlers", "outbound", "timing", "model"},
    "jobs": {"s3", "graph", "push", "outbound", "model"},
}
#: modules at the top: what others call relay by
TOP: dict[str, set[str]] = {
    "": {"handlers", "outbound", "model"},  # relay itself: the names that handlers need
    "version": set(),
    "handover": {"net", "model"},
    "tickets": {"model"},
    "callers": {"front", "model"},
    "graph": {"handlers", "outbound", "model"},
    "learned": {"commands"},
    "tap": {"process", "redis", "timing", "model"},
}


def sources() -> list[Path]:
    """All of relay's; in the repository ``relay/jobs`` is a link, which `rglob` does not follow."""
    package = ROOT / "relay"
    return sorted({*package.rglob("*.py"), *(package / "jobs").rglob("*.py")})


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sources()}


@cache
def tree(path: Path) -> ast.Module:
    """A module of relay, parsed."""
    return ast.parse(path.read_text())


def imported(path: Path) -> Iterator[str]:
    """The modules that one imports, those for type checks alone included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                within = f"{node.module}.{alias.name}"
                yield within if within in modules() else node.module or ""


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_imports_go_down_only() -> None:
    allowed = {**BELOW, **TOP}
    wrong = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imported(path)
        if name.split(".")[0] == "relay"
        and room_of(name) not in {room_of(module), "version", *allowed[room_of(module)]}
        and not (room_of(module) in ("jobs", "celery") and name == "relay")  # handlers, as authors write them
    ]
    assert wrong == []


def test_no_circle_stands_anywhere() -> None:
    graph = {
        module: {name for name in imported(path) if name in modules() and name != module}
        for module, path in modules().items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(error.args[1])}")


def test_every_module_has_its_layer() -> None:
    assert {room_of(module) for module in modules()} <= {*BELOW, *TOP}


def test_every_package_is_installed() -> None:
    listed = configparser.ConfigParser()
    listed.read(ROOT / "setup.cfg")
    packages = {name for name, path in modules().items() if path.stem == "__init__"}
    assert packages <= set(listed["options"]["packages"].split())


MODULES = [
    *("relay", "relay.tap", "relay.handlers", "relay.model.settings", "relay.model.envelope"),
    *("twisted.plugins.relay_plugin", "relay.testing.plugin"),
]


@pytest.mark.processes
@pytest.mark.parametrize("module", MODULES)
def test_no_reactor_is_installed_by_importing(module: str) -> None:
    code = f"import {module}, sys; sys.exit('twisted.internet.reactor' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.processes
def test_other_servers_get_no_twisted() -> None:
    code = (
        "import relay.handover, relay.tickets, relay.client, relay.client.on_asyncio, sys;"
        "sys.exit(any(name.startswith('twisted') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


#: packages of others, and which of relay's alone may import them
KNOWN_TO = {
    "txredisapi": {"redis", "net"},
    "klein": {"serving"},
    "werkzeug": {"serving", "front", "outbound"},
    "httptools": {"http", "doctor"},  # requests there, answers here
    "rich": {"commands"},
    "treq": {"outbound", "net"},
    "botocore": {"s3"},
    "jwt": {"front", "push"},
    "cryptography": {"front", "push"},
    "h2": {"push"},
    "httpx2": {"client"},
    "celery": set(),
    "tomlkit": {"commands"},
    "argcomplete": {"commands"},
    "cronsim": {"model"},
    "opentelemetry": {"telemetry", "process"},
    "prometheus_client": {"admin"},
}


def test_packages_of_others_are_known_in_one_place() -> None:
    wrong = [
        f"{module} imports {name}"
        for module, path in modules().items()
        for name in imported(path)
        if room_of(module) not in KNOWN_TO.get(name.split(".")[0], {room_of(module)})
    ]
    assert wrong == []


def test_the_model_knows_neither_twisted_nor_redis() -> None:
    allowed = {"relay", "msgspec", "jsonschema_rs", "itsdangerous", "cronsim", "__future__"}
    allowed |= sys.stdlib_module_names
    wrong = [
        f"{module} imports {name}"
        for module, path in modules().items()
        if room_of(module) == "model"
        for name in imported(path)
        if name.split(".")[0] not in allowed
    ]
    assert wrong == []
