"""Whether relay's settings fit what is around it: proxies, the network, its use."""

from __future__ import annotations

import re
from collections.abc import Iterator

from relay.doctor.diagnosis import Diagnosis, fine, note, warn
from relay.doctor.machine import Machine
from relay.doctor.settings_checks import SettingsCheck, callers, descriptors, kernel, memory, versions
from relay.model.settings import Settings

_MOST = 4  # processes that are named
_PROXY_KEEPS = 60.0  # seconds for which nginx and others keep an idle connection to a front
_LONGEST_SILENCE = 25.0  # seconds: the shortest limit of the usual platforms is 30 (docs/platforms.md)
_LOCAL = re.compile(r"interface=(127\.|localhost|\\:\\:1|::1)|^(haproxy:)*(unix|systemd):")


def whose(machine: Machine) -> list[Diagnosis]:
    """That settings of this shell are judged, where a relay runs that may have others: it has put its name in place of
    its command line and its environment, which may have had secrets."""
    if not machine.running:
        return []
    told = ", ".join(f"{each.title} ({each.pid})" for each in machine.running[:_MOST])
    more = f" and {len(machine.running) - _MOST} more" if len(machine.running) > _MOST else ""
    return [
        note(
            "settings",
            f"these are the settings of this shell; {told}{more} may have others",
            "what a running relay was given can't be read from outside",
            "--config FILE, the one that it was started with; or run the doctor in its environment",
            "systemctl show relay -p ExecStart -p Environment -p EnvironmentFiles",
        )
    ]


def listeners(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """Where clients and operators connect to."""
    admin = [settings.admin] if settings.admin not in ("", "auto") else []
    plain = [each for each in (*settings.listen, *admin) if "ssl:" not in each and not _LOCAL.search(each)]
    if plain:
        why = "whoever is on the way reads tokens, arguments and results"
        yield warn(
            "listeners",
            f"other machines can reach {', '.join(plain)} without TLS",
            why,
            "--listen ssl:8443:privateKey=…:certKey=…, or a network of your own with a proxy that does TLS",
            see="docs/security.md",
        )
    else:
        given = any("systemd:" in each for each in settings.listen)
        more = (
            "this machine's, with TLS, or where ListenStream of the unit says"
            if given
            else "this machine's, or with TLS"
        )
        yield fine("listeners", f"{', '.join(settings.listen)}: {more}")


def proxies(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """Whether a proxy that is there is known."""
    if machine.proxies and not settings.trusted_proxy:
        saw = f"{', '.join(machine.proxies)} runs here, and --trusted-proxy is not set"
        why = "if it passes on clients, relay does not see who they are, and a closed relay refuses them"
        yield note("proxies", saw, why, "--trusted-proxy 127.0.0.1", see="docs/proxies.md#who-asks")
    elif machine.proxies:
        yield fine(
            "proxies",
            f"{', '.join(machine.proxies)} runs here; {', '.join(settings.trusted_proxy)} is trusted",
        )
    if settings.keepalive <= _PROXY_KEEPS:
        saw = f"--keepalive is {settings.keepalive:g} s"
        why = (
            f"proxies keep idle connections for {_PROXY_KEEPS:g} s, and use those that relay has just closed"
        )
        yield warn(
            "proxies", saw, why, "--keepalive 75, or a shorter time at the proxy", see="docs/proxies.md"
        )


def heartbeats(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """Whether what is between finds answers that move."""
    saw = f"--grace {settings.grace:g}, --heartbeat {settings.heartbeat:g}, --max-wait {settings.max_wait:g}"
    if not settings.heartbeat:
        why = "held requests are silent, and most of what is on the way cuts silence after 30 to 100 s"
        yield warn("heartbeats", saw, why, "--heartbeat 8", see="docs/platforms.md#what-is-between")
    elif max(settings.grace, settings.heartbeat) > _LONGEST_SILENCE:
        yield warn(
            "heartbeats",
            saw,
            "some platforms cut after 30 s of silence",
            "--grace 5 --heartbeat 8",
            see="docs/platforms.md#what-is-between",
        )
    else:
        yield fine("heartbeats", saw)


def odds(settings: Settings, machine: Machine) -> Iterator[Diagnosis]:
    """What is for development, or for a while."""
    if settings.reload:
        yield warn(
            "odds",
            "--reload",
            "files are watched, and logs leave out lines: it is for development",
            "leave it out",
        )
    if settings.allow_private:
        yield note(
            "odds",
            "--allow-private",
            "handlers that fetch URLs of clients reach this machine's network",
            see="docs/security.md",
        )
    if settings.probes:
        yield note(
            "odds",
            "--probes",
            "callers can hold requests without jobs: it is for `relay doctor --url`",
            "leave it out when that is done",
        )
    if settings.jobs == ("relay.jobs",) and (settings.open or settings.knows_callers):
        yield note(
            "odds",
            "the jobs that come with relay are served",
            "`fetch` fetches any public page for any caller",
            "--jobs with your own modules",
        )


SETTINGS_CHECKS: tuple[SettingsCheck, ...] = (
    versions,
    descriptors,
    memory,
    kernel,
    callers,
    listeners,
    proxies,
    heartbeats,
    odds,
)


def check_settings(settings: Settings, machine: Machine) -> list[Diagnosis]:
    """What all checks say."""
    return [diagnosis for check in SETTINGS_CHECKS for diagnosis in check(settings, machine)]
