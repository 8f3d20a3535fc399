"""Whether relay's settings fit this machine, and each other."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator

from relay.doctor.diagnosis import Diagnosis, bad, fine, note, warn
from relay.doctor.machine import UNLIMITED, Machine
from relay.model.caller import FREE
from relay.model.settings import Settings
from relay.model.tokens import TokenFileError, load_tokens
from relay.net.descriptors import RESERVED, for_clients

HELD = 2300  # bytes of a held request in all of relay, its job included (docs/performance.md)
PROCESS = 60 << 20  # bytes of a process that does nothing yet
_LEAST_BACKLOG = 1024  # connections that wait to be accepted, as relay asks for
_MIB = 1 << 20
_SOON = 14 * 86_400  # seconds until a token expires
_SECRET = frozenset(
    {"ticket-secrets"}
)  # files that others may not even read; those of tokens have hashes alone
_RUNNING = "docs/running.md"
_DEPLOYING = "docs/deploying.md"

SettingsCheck = Callable[[Settings, Machine], Iterator[Diagnosis]]


def versions(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """What runs relay."""
    saw = f"Python {machine.python}, Twisted {machine.twisted}, {machine.system}, {machine.cores} cores"
    if machine.system != "Linux":
        why = "relay runs here for development; sockets, memory and process titles are looked after on Linux only"
        yield note("versions", saw, why)
    else:
        yield fine("versions", saw)


def descriptors(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """Whether a front may open a file for each client that it is to hold."""
    fronts = [each for each in machine.running if each.title in ("relay all", "relay front")]
    limit = min((each.descriptors for each in fronts), default=machine.descriptors)
    whose = "relay, which runs here," if fronts else "this shell (relay does not run here)"
    if limit >= UNLIMITED:
        yield fine("descriptors", f"{whose} may open any number of files")
        return
    clients, wanted = for_clients(limit), max(settings.max_held, settings.max_connections)
    saw = f"{whose} may open {limit:,} files, so a front has room for {clients:,} clients; --max-held is "
    saw += f"{settings.max_held:,}" + (
        f", --max-connections {settings.max_connections:,}" * bool(settings.max_connections)
    )
    if clients >= wanted:
        yield fine("descriptors", saw)
        return
    yield warn(
        "descriptors",
        saw,
        "a front turns clients away long before it has as many as the settings promise",
        f"systemd: LimitNOFILE={wanted + RESERVED} in the unit (deploy/relay.service)",
        f"a shell: ulimit -n {wanted + RESERVED}, which /etc/security/limits.conf has to allow",
        f"or --max-held {max(1, clients - RESERVED)}, and more --fronts",
        see=_DEPLOYING,
    )


def memory(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """Whether all that the settings allow has room."""
    held = settings.fronts * settings.max_held * HELD
    processes = (settings.fronts + settings.workers + 1) * PROCESS
    kept = settings.queue_bytes + settings.dead_bytes if _is_here(settings) else 0
    need = held + processes + kept
    saw = (
        f"{_counted(settings.fronts, 'front')} with {settings.max_held:,} held requests"
        f"{' each' * (settings.fronts > 1)}, {_counted(settings.workers, 'worker')}"
        + (", and --queue-bytes and --dead-bytes in Redis," if kept else "")
        + f" may take {need // _MIB:,} MiB; {machine.memory_by} has {machine.memory // _MIB:,} MiB"
    )
    if not machine.memory:
        yield note("memory", "it is unknown how much memory there is")
    elif need > machine.memory * 0.9:
        why = "processes are killed when it is used up, and held requests with them"
        remedy = (
            "lower --queue-bytes, --dead-bytes, --max-held, --fronts or --workers, or take a larger machine"
        )
        yield warn("memory", saw, why, remedy)
    else:
        yield fine("memory", saw)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def kernel(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """The limits of the system's own."""
    known = {name: value for name, value in machine.kernel.items() if value or name == "overcommit"}
    for name, sysctl in (
        ("somaxconn", "net.core.somaxconn"),
        ("syn_backlog", "net.ipv4.tcp_max_syn_backlog"),
    ):
        if name in known and known[name] < _LEAST_BACKLOG:
            why = "when many clients come at once, as after an outage, some wait for a second and more to connect"
            yield warn(
                "kernel", f"{sysctl} is {known[name]}", why, f"sysctl -w {sysctl}=4096, and in /etc/sysctl.d"
            )
    if (machine.redis or _is_here(settings)) and known.get("overcommit") != 1 and machine.system == "Linux":
        why = "Redis can't rewrite its file once it uses half of the memory"
        yield warn(
            "kernel",
            f"vm.overcommit_memory is {known.get('overcommit', 0)}, and Redis runs here",
            why,
            "sysctl -w vm.overcommit_memory=1, and in /etc/sysctl.d",
            see=_DEPLOYING,
        )
    if machine.ports and machine.ports < settings.concurrency * settings.workers:
        saw = f"{machine.ports:,} local ports, for {settings.concurrency * settings.workers:,} jobs at once"
        yield warn(
            "kernel",
            saw,
            "handlers that all call one host find no port",
            'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
        )
    if "somaxconn" in known:
        shown = ", ".join(f"{name} {value}" for name, value in sorted(known.items()))
        yield fine("kernel", f"looked at: {shown}, {machine.ports:,} local ports")


def callers(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """Who may call."""
    if settings.open:
        yield warn(
            "callers",
            "--open: everybody may submit every job",
            "only a proxy that decides who gets through keeps strangers out",
            "--tokens, --jwt-keys or --callers",
            see="docs/callers.md",
        )
    if settings.tokens:
        yield from _tokens(settings, machine)
    for name, path in (("ticket-secrets", settings.ticket_secrets), ("jwt-keys", settings.jwt_keys)):
        if path and not path.startswith("https:"):
            yield from _file(name, path)
    if not (settings.open or settings.knows_callers or settings.ticket_secrets or settings.allow):
        yield note(
            "callers",
            "relay is closed: it answers programs on this machine only",
            see=f"{_RUNNING}#who-may-call",
        )


def _tokens(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    try:
        grants = load_tokens(settings.tokens, FREE)
    except TokenFileError as error:
        yield bad(
            "tokens",
            str(error),
            "fronts do not start with this file, or go on with what they read before",
            "relay tokens list --file …",
        )
        return
    yield from _file("tokens", settings.tokens)
    now = machine.began or time.time()
    old = [grant.name for grant in grants.values() if grant.expires <= now]
    soon = [grant.name for grant in grants.values() if now < grant.expires < now + _SOON]
    if soon:
        yield warn(
            "tokens",
            f"tokens of {', '.join(soon)} expire within two weeks",
            "their callers get 401 then",
            "relay tokens rotate",
        )
    yield fine("tokens", f"{len(grants)} callers in {settings.tokens}, {len(old)} of them expired")


def _file(name: str, path: str) -> Iterator[Diagnosis]:
    """Whether others can read or change it."""
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        yield bad(name, f"{path}: {error.strerror}", "fronts do not start without it")
        return
    if mode & (stat.S_IWOTH | (stat.S_IROTH if name in _SECRET else 0)):
        yield bad(
            name,
            f"{path} can be read or written by everybody (mode {stat.S_IMODE(mode):o})",
            "every program here can call relay as somebody else",
            f"chmod o= {path}",
        )
    else:
        yield fine(name, f"{path} has mode {stat.S_IMODE(mode):o}")


def _is_here(settings: Settings) -> bool:
    """Whether relay starts a Redis of its own."""
    return settings.redis in ("", "embedded:")
