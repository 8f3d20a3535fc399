"""Settings: one frozen, checked value, read from the command line, else ``RELAY_…``, else the TOML file, else defaults.

`Settings` is the only list of them: the command-line options, the names in the environment and in the file, and the
reference in the docs are all derived from it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from relay.model.setting_checks import check_networks, check_queues
from relay.model.sources import PREFIX as PREFIX
from relay.model.sources import SettingError as SettingError
from relay.model.sources import as_text, from_file, parts

_SECRET = {"redis": "expected a URL", "set": "expected NAME=VALUE with a name of a-z, 0-9 and _"}


def _about(text: str, **limits: Any) -> Meta:
    return Meta(description=text, **limits)


def _in(unit: str, **limits: Any) -> Meta:
    """A number's unit, shown in the docs: seconds, bytes or count."""
    return Meta(extra={"unit": unit}, **limits)


_YEAR = 365 * 86_400  # seconds; more would be a slip of the pen, and overflow in Redis
_MOST = 1 << 50  # of anything that is counted
Seconds = Annotated[float, _in("seconds", ge=0, le=_YEAR)]
Lifetime = Annotated[int, _in("seconds", ge=1, le=_YEAR)]
Bytes = Annotated[int, _in("bytes", ge=0, le=_MOST)]
Size = Annotated[int, _in("bytes", ge=1, le=_MOST)]
Count = Annotated[int, _in("count", ge=1, le=_MOST)]
CountOrNone = Annotated[int, _in("count", ge=0, le=_MOST)]
_Assignment = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]*=")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator can set. Times are seconds, sizes are bytes."""

    redis: Annotated[
        str, _about("URL of the store: redis://, rediss://, unix://, or embedded: (the default under all)")
    ] = ""
    redis_memory: Annotated[Bytes, _about("memory that the embedded Redis may use, 0 for no limit")] = 0
    data: Annotated[str, _about("directory of the embedded Redis' append-only file")] = "relay-data"
    listen: Annotated[
        tuple[str, ...], _about("Twisted server endpoint that clients connect to; repeatable")
    ] = ("tcp:8080:interface=127.0.0.1",)
    open: Annotated[bool, _about("answer everybody: other machines, clients behind proxies, web pages")] = (
        False
    )
    trusted_proxy: Annotated[
        tuple[str, ...],
        _about(
            "address, network or `unix:` of a proxy whose X-Forwarded-For or PROXY header is believed; repeatable"
        ),
    ] = ()
    allow: Annotated[
        tuple[str, ...],
        _about("address or network whose programs may call a closed relay; repeatable"),
    ] = ()
    host: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$")], ...],
        _about("public host name (`Host`) under which a closed relay may be called; repeatable"),
    ] = ()
    ticket_secrets: Annotated[
        str,
        _about(
            "file with the secrets that sign tickets and proofs, one per line; without it both are refused"
        ),
    ] = ""
    prefix: Annotated[
        str,
        _about("path prefix under which clients reach relay, such as /v1", pattern=r"^(/[A-Za-z0-9._~-]+)*$"),
    ] = ""
    jobs: Annotated[tuple[str, ...], _about("module or package with handlers; repeatable")] = ("relay.jobs",)
    fronts: Annotated[Count, _about("number of front processes (all)")] = 1
    workers: Annotated[Count, _about("number of worker processes (all)")] = 1
    grace: Annotated[Seconds, _about("how long a held request stays silent before relay commits to 200")] = 5
    heartbeat: Annotated[Seconds, _about("time between the heartbeats of a held request, 0 for none")] = 8
    max_wait: Annotated[
        float, _in("seconds", gt=0, le=_YEAR), _about("longest time that a request is held")
    ] = 600
    keepalive: Annotated[Seconds, _about("time after which an idle kept-alive connection is closed")] = 75
    keep: Annotated[Lifetime, _about("how long outcomes and keys are kept")] = 3600
    dead_keep: Annotated[Lifetime, _about("how long dead jobs are kept")] = 7 * 86400
    dead_bytes: Annotated[
        Size, _about("limit for the size of all dead jobs together; the oldest are deleted first")
    ] = 64 << 20
    dead_arguments: Annotated[
        Bytes,
        _about("largest arguments that are kept with a dead job; without them it can't be run again"),
    ] = 1 << 20
    require_key: Annotated[bool, _about("refuse submissions without an idempotency key")] = False
    max_held: Annotated[Count, _about("held requests per front; above it clients get 202")] = 15_000
    max_connections: Annotated[
        CountOrNone, _about("connected clients per front, 0 for as many as its file descriptors allow")
    ] = 0
    max_per_address: Annotated[CountOrNone, _about("connected clients per address, 0 for no limit")] = 0
    body_limit: Annotated[Size, _about("largest body of a submission")] = 1 << 20
    result_limit: Annotated[Size, _about("largest result of a job")] = 1 << 20
    queue_limit: Annotated[Count, _about("how many jobs may be queued, scheduled or running at once")] = (
        1_000_000
    )
    queue_bytes: Annotated[Size, _about("size of all jobs that are queued, scheduled or running")] = 512 << 20
    max_delay: Annotated[
        float,
        _in("seconds", ge=0, le=30 * 86_400),
        _about("longest `Relay-Delay` and `Relay-Deadline` that a client may ask for"),
    ] = 30 * 86_400
    concurrency: Annotated[Count, _about("jobs that one worker runs at once")] = 200
    queues: Annotated[
        tuple[str, ...], _about("queues that this worker serves, separated by commas (default: all)")
    ] = ()
    lease: Annotated[
        float,
        _in("seconds", ge=1, le=86_400),
        _about("time without a sign of life after which a worker loses its jobs"),
    ] = 10
    stall: Annotated[
        float,
        _in("seconds", ge=1, le=86_400),
        _about("how long a handler may block its worker before the worker is killed"),
    ] = 60
    drain: Annotated[Seconds, _about("how long a stopping process has to finish its work")] = 30
    drain_limit: Annotated[
        Seconds, _about("how long a worker that was replaced has to finish its jobs (all)")
    ] = 3600
    per_host: Annotated[Count, _about("concurrent calls from one worker to one host")] = 100
    allow_private: Annotated[bool, _about("let the handlers' HTTP client connect to private addresses")] = (
        False
    )
    log_format: Annotated[
        Literal["text", "json"], _about("format of the log: text, or json for one object per line")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warn", "error"],
        _about("lowest level that is logged: debug, info, warn or error"),
    ] = "info"
    set: Annotated[
        tuple[_Assignment, ...], _about("NAME=VALUE for handlers (`context.settings`); repeatable")
    ] = ()

    @classmethod
    def read(
        cls, options: Mapping[str, Any], environment: Mapping[str, str], config: str | None = None
    ) -> Settings:
        """Merge the three sources. `options` has only the options that were given. Raises `SettingError`."""
        sources = (
            (from_file(config), f"in {config}"),
            (_from_environment(environment), "from the environment"),
            (dict(options), "from the command line"),
        )
        merged: dict[str, Any] = {}
        for values, source in sources:
            merged.update(_checked(values, source))
        return cls(**merged)

    def for_handlers(self) -> Mapping[str, str]:
        """The values of ``--set``, by name; the last one counts."""
        return MappingProxyType(dict(text.split("=", 1) for text in self.set))

    def environ(self) -> dict[str, str]:
        """These settings as environment variables for a child process, because everybody can read its command line."""
        return {PREFIX + name.upper(): as_text(getattr(self, name)) for name in self.__struct_fields__}


def fields() -> Iterator[tuple[str, type, Any, str]]:
    """Each setting: its name, how it is given (`bool`, `tuple` or `str`), its default, its meaning."""
    hints = get_type_hints(Settings, include_extras=True)
    for field in msgspec.structs.fields(Settings):
        inner, *metas = get_args(hints[field.name])
        kind = bool if inner is bool else tuple if get_origin(inner) is tuple else str
        yield field.name, kind, field.default, next(m.description for m in metas if m.description)


def unit(name: str) -> str:
    """A setting's unit: ``seconds``, ``bytes`` or ``count``; "" if it is not a number."""
    metas = get_args(get_type_hints(Settings, include_extras=True)[name])[1:]
    return next((meta.extra["unit"] for meta in metas if meta.extra), "")


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for name, kind, _, _ in fields():
        text = environment.get(PREFIX + name.upper())
        if text is not None:
            given[name] = parts(text) if kind is tuple else text
    return given


def _checked(values: dict[str, Any], source: str) -> dict[str, Any]:
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(_explain(error, values, source)) from error
    check_queues(settings.queues, source)
    check_networks("trusted_proxy", settings.trusted_proxy, source)
    check_networks("allow", settings.allow, source)
    return {name: getattr(settings, name) for name in values}


def _explain(error: msgspec.ValidationError, values: dict[str, Any], source: str) -> str:
    for given in values:
        if given not in Settings.__struct_fields__:
            near = difflib.get_close_matches(str(given), Settings.__struct_fields__, 1)
            meant = f": did you mean {near[0].replace('_', '-')}?" if near else ""
            return f"there is no setting {str(given).replace('_', '-')} ({source}){meant}"
    what, _, place = str(error).partition(" - at `$.")
    wanted = what.partition(", got")[0]
    if wanted.startswith("Invalid enum value"):
        wanted = f"Expected {' or '.join(get_args(get_type_hints(Settings)[place.strip('`')]))}"
    name = place.strip("`").partition("[")[0].partition(".")[0]
    if name in _SECRET:
        return f"--{name} {source}: {_SECRET[name]} (the value is not shown)"
    return f"--{name.replace('_', '-')} {source}: {wanted.replace('`', '')}, not {values.get(name)!r}"


def config_path(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> str | None:
    """The path of the TOML file: ``--config``, else ``RELAY_CONFIG``, else `None`."""
    path = options.get("config") or environment.get(PREFIX + "CONFIG")
    return str(path) if path else None
