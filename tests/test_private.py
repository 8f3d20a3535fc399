"""What packages keep to themselves is used in `relay.net` only, and each such attribute is pinned here."""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from klein import Klein
from treq.client import HTTPClient
from treq.response import _Response
from twisted.application.internet import ClientService
from twisted.internet import task, tcp, unix
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.process import Process
from twisted.logger import FileLogObserver, LegacyLogObserverWrapper, globalLogBeginner
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper, HAProxyWrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.web._newclient import HTTP11ClientProtocol, HTTPClientParser, Request, TransportProxyProducer
from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory
from twisted.web.http import _ChunkedTransferDecoder
from txredisapi import RedisProtocol
from urllib3.connection import HTTPConnection

from tests.test_layers import tree

ROOT = Path(__file__).parents[1]
STANDARD = sys.stdlib_module_names
#: of packages: what each class has to have, and what of relay's depends on it
PINNED: list[tuple[type, str, str]] = [
    (tcp.Connection, "connected disconnecting dataBuffer _tempDataBuffer socket", "eager: answers at once"),
    (tcp.Connection, "dataBuffer offset _tempDataLen", "outgoing: what the client has not taken yet"),
    (tcp.Connection, "doRead bufferSize", "private: what Redis says is read directly"),
    (tcp.Port, "transport factory", "bare: a client's socket"),
    (AsyncioSelectorReactor, "_disconnectSelectable _log", "reactors: the same on an event loop"),
    (HAProxyWrappingFactory, "protocol wrappedFactory unregisterProtocol", "proxied, tls, bare"),
    (HAProxyProtocolWrapper, "_parser _proxyInfo wrappedProtocol", "proxied: who asks, behind a proxy"),
    (TLSMemoryBIOFactory, "protocol wrappedFactory", "tls: the order of PROXY and TLS"),
    (
        unix.Port,
        "_fromListeningDescriptor _preexistingSocket _shouldShutdown numberAccepts",
        "unixport: unix sockets that fronts share",
    ),
    (
        HTTP11ClientProtocol,
        "_parser _state _responseDeferred _finishedRequest _currentRequest _disconnectParser _finishResponse",
        "api_connection: answers of APIs that have no end, or are followed by more",
    ),
    (
        HTTPClientParser,
        "MAX_LENGTH state _transferDecoders _log response connHeaders",
        "api_connection: bounds of heads and chunks; whether a connection is kept",
    ),
    (
        HTTPConnectionPool,
        "_factory _connections _timeouts _putConnection _removeConnection",
        "api_pool: the pool makes bounded connections, and keeps those that can be used again",
    ),
    (_HTTP11ClientFactory, "_quiescentCallback", "api_pool: connections are used again"),
    (Request, "persistent", "api_connection: an answer can end its connection"),
    (_ChunkedTransferDecoder, "dataReceived", "api_connection: what is around chunks is counted"),
    (TransportProxyProducer, "_producer", "private.abort_body: a body that is not wanted is cut at once"),
    (ClientService, "_log", "private.QuietClientService: a Redis that is away is logged once"),
    (type(globalLogBeginner), "beginLoggingTo", "private.on_log_begin: the form of the log"),
    (FileLogObserver, "formatEvent", "private.is_twistds_file: the form of the log"),
    (LegacyLogObserverWrapper, "legacyObserver", "private.syslog_of: the log in syslog"),
    (Process, "proto pid pipes _reactor", "adopted_process: children outlive a restart of the supervisor"),
    (
        RedisProtocol,
        "_reader replyReceived connected",
        "redis_protocol: bytes in, bytes out",
    ),
    (HTTPClient, "_cookiejar _request_headers _data_to_body_producer", "treq_client: cookies over redirects"),
    (_Response, "_cookiejar original", "treq_client: text and JSON of any size"),
    (HTTPConnection, "_new_conn", "unix_client: relay.handover over a unix socket"),
    (Klein, "execute_endpoint url_map", "serving.dispatcher: Klein's routes without twisted.web"),
]
if sys.platform == "linux":
    from twisted.internet.epollreactor import EPollReactor

    used = "_poller _selectables _doReadOrWrite doIteration timeout threadCallQueue _justStopped running"
    PINNED.append((EPollReactor, used, "epoll: what is ready is called directly"))


@cache
def names_in(kind: type) -> frozenset[str]:
    """The names of all attributes that the source of a class has in it."""
    parsed = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    found = {node.attr for node in ast.walk(parsed) if isinstance(node, ast.Attribute)}
    found |= {
        node.name
        for node in ast.walk(parsed)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    for defined in ast.walk(parsed):
        if isinstance(defined, ast.ClassDef):
            targets = [node.targets for node in defined.body if isinstance(node, ast.Assign)]
            targets += [[node.target] for node in defined.body if isinstance(node, ast.AnnAssign)]
            found |= {target.id for some in targets for target in some if isinstance(target, ast.Name)}
    return frozenset(found)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def sources() -> list[Path]:
    """All of relay's modules but those of `relay.net`."""
    package = ROOT / "relay"
    found = {*package.rglob("*.py"), *(package / "jobs").rglob("*.py")}
    return sorted(path for path in found if package / "net" not in path.parents)


def is_of_others(kind: type) -> bool:
    return kind.__module__.partition(".")[0] not in {"relay", "msgspec", "zope", *STANDARD}


@pytest.mark.parametrize(
    ("kind", "names", "use"), PINNED, ids=[f"{kind.__name__}-{n}" for n, (kind, _, _) in enumerate(PINNED)]
)
def test_what_relay_uses_of_others_is_there(kind: type, names: str, use: str) -> None:
    known = frozenset(name for each in kind.__mro__ if each is not object for name in _names_of(each))
    missing = [name for name in names.split() if name not in known and not hasattr(kind, name)]
    assert not missing, f"{kind.__module__}.{kind.__name__} has changed; look at relay.net.{use}"


def _names_of(kind: type) -> frozenset[str]:
    try:
        return names_in(kind)
    except (OSError, TypeError):  # one that is not written in Python
        return frozenset(dir(kind))


def test_a_descriptor_is_reserved_for_ports() -> None:
    assert hasattr(tcp._reservedFD, "reserve"), "Twisted has changed; look at relay.net.unixport"


def test_there_is_one_cooperator_of_all() -> None:
    assert isinstance(task._theCooperator, task.Cooperator), (
        "Twisted has changed; look at private.cooperating"
    )


def test_private_modules_and_names_of_others_are_imported_in_net_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources()
        for name in _imported(tree(path))
        if name.partition(".")[0] not in STANDARD and any(is_private(part) for part in name.split("."))
    ]
    assert wrong == []


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_private_attributes_of_others_are_used_in_net_only() -> None:
    trees = {path: tree(path) for path in sources()}
    own = set().union(*map(_own, trees.values()))
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} uses {ast.unparse(node)}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own
        if ast.unparse(node.value) not in STANDARD  # os._exit, which is documented
    ]
    wrong += [
        f"{path.relative_to(ROOT)}:{node.lineno} names {node.value!r}"
        for path, tree in trees.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in ("getattr", "setattr", "hasattr", "delattr")
        for node in call.args[1:2]
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_private(node.value)
    ]
    assert wrong == []


def _own(tree: ast.Module) -> set[str]:
    """The private names that a module's classes define, or set on themselves."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def test_no_class_outside_net_shares_a_private_name_with_one_of_others_that_it_extends() -> None:
    wrong = [
        f"{kind.__module__}.{kind.__name__} shares {', '.join(sorted(shared))} with {base.__module__}"
        for kind in _classes()
        for base in kind.__mro__[1:]
        if is_of_others(base) and (shared := set(filter(is_private, _names_of(kind) & _names_of(base))))
    ]
    assert wrong == []


def _classes() -> Iterator[Any]:
    """All but one that is made of the settings, and has no source."""
    for path in sources():
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for kind in vars(importlib.import_module(name)).values():
            is_ours = inspect.isclass(kind) and kind.__module__ == name and kind.__name__ != "SettingsOptions"
            if is_ours and any(map(is_of_others, kind.__mro__)):
                yield kind
