"""Imports go down only: service → front, worker → store → core; roles never import each other."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import relay

#: the rooms that each room may import from, itself and the core aside
BELOW = {
    "core": set(),
    "direct": set(),
    "handover": set(),
    "celery": {"celery", "store"},
    "outbound": {"outbound"},
    "store": {"store", "direct"},
    "front": {"front", "store", "direct"},
    "worker": {"worker", "outbound", "store"},
    "jobs": {"jobs", "outbound"},
}
CORE = {
    "along",
    "arguments",
    "state",
    "handlers",
    "importing",
    "context",
    "errors",
    "envelope",
    "limits",
    "problem",
    "proofs",
    "options",
    "recurring",
    "registry",
    "settings",
    "tickets",
    "descriptors",
    "draining",
    "text",
    "timers",
    "unixhttp",
    "upstream",
    "version",
}
ABOVE = {
    *(
        "service",
        "everything",
        "check",
        "checking",
        "unixport",
        "supervise",
        "kept",
        "sockets",
        "child",
        "tap",
        "launch",
        "signals",
        "garbage",
    ),
    *("parent", "reexec", "pidfile", "command", "orphans"),
    *("process", "ending", "clock", "names", "watch", "tls", "proxied", "learned"),
    *("output", "logs", "record", "variables"),
}


def sources(root: Path) -> list[Path]:
    """All of relay's; in the repository ``relay/jobs`` is a link, which `rglob` does not follow."""
    package = root / "relay"
    return sorted({*package.rglob("*.py"), *(package / "jobs").rglob("*.py")})


def room_of(module: str) -> str:
    name = module.split(".")[1] if "." in module else ""
    return "core" if name in CORE or name in relay.__all__ or not name else name


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "relay":
            yield from (f"relay.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_imports_go_down_only(root: Path) -> None:
    wrong = []
    for path in sources(root):
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        room = room_of(module)
        if room not in BELOW:
            continue
        for name in imported(path):
            if (module, name) == ("relay.context", "relay.outbound"):
                continue  # the type of a member, and not imported when it runs
            if name.split(".")[0] == "relay" and room_of(name) not in {"core", *BELOW[room]}:
                wrong.append(f"{module} imports {name}")
    assert wrong == []


def test_every_module_has_its_room(root: Path) -> None:
    rooms = {
        room_of(f"relay.{p.stem}") for p in (root / "relay").iterdir() if p.suffix == ".py" or p.is_dir()
    }
    assert rooms - {"__pycache__", "py"} <= {*BELOW, *ABOVE, "core", "__init__"}


def test_every_package_is_installed(root: Path) -> None:
    listed = configparser.ConfigParser()
    listed.read(root / "setup.cfg")
    found = {".".join(p.parent.relative_to(root).parts) for p in sources(root) if p.stem == "__init__"}
    assert found <= set(listed["options"]["packages"].split())


MODULES = ["relay", "relay.tap", "relay.settings", "relay.envelope", "twisted.plugins.relay_plugin"]


@pytest.mark.processes
@pytest.mark.parametrize("module", MODULES)
def test_no_reactor_is_installed_by_importing(module: str) -> None:
    code = f"import {module}, sys; sys.exit('twisted.internet.reactor' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.processes
def test_other_servers_get_no_twisted() -> None:
    code = "import relay.handover, sys; sys.exit(any(name.startswith('twisted') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_the_store_knows_redis(root: Path) -> None:
    for path in sources(root):
        if "store" not in path.parts:
            assert "txredisapi" not in list(imported(path)), path
