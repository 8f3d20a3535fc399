"""Settings: one frozen, checked value, read from the command line, else ``RELAY_…``, else the TOML file, else defaults.

`Settings` is the only list of them: the command-line options, the names in the environment and in the file, and the
reference in the docs are all derived from it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from relay.model.durable_settings import DurableSettings
from relay.model.given import Given
from relay.model.setting_checks import check_callers, check_networks, check_origins, check_queues
from relay.model.setting_types import (
    MOST_PARTITIONS,
    YEAR,
    Assignment,
    Bytes,
    Count,
    CountOrNone,
    Lifetime,
    Seconds,
    Size,
    about,
    counted_in,
)
from relay.model.sources import PREFIX as PREFIX
from relay.model.sources import SettingError as SettingError
from relay.model.sources import as_text, from_file, parts

_SECRET = {"redis": "expected a URL", "set": "expected NAME=VALUE with a name of a-z, 0-9 and _"}


class Settings(DurableSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that an operator can set. Times are seconds, sizes are bytes."""

    redis: Annotated[
        str, about("URL of the store: redis://, rediss://, unix://, or embedded: (the default under all)")
    ] = ""
    partitions: Annotated[
        int,
        counted_in("count", ge=1, le=MOST_PARTITIONS),
        about(
            "parts that the store's keys are divided into; every process is told the same, from the first on"
        ),
    ] = 1
    store_name: Annotated[
        str,
        about(
            "name in the store's keys, so that relays share a database",
            pattern=r"^[A-Za-z0-9_-]{0,40}$",
        ),
    ] = ""
    redis_memory: Annotated[Bytes, about("memory that the embedded Redis may use, 0 for no limit")] = 0
    data: Annotated[str, about("directory of the embedded Redis' append-only file")] = "relay-data"
    listen: Annotated[
        tuple[str, ...], about("Twisted server endpoint that clients connect to; repeatable")
    ] = ("tcp:8080:interface=127.0.0.1",)
    admin: Annotated[
        str,
        about(
            "Twisted server endpoint of the dashboard, its API and the metrics; auto is "
            "tcp:8081:interface=127.0.0.1 under all and none else, '' is none"
        ),
    ] = "auto"
    prefix: Annotated[
        str,
        about("path prefix under which clients reach relay, such as /v1", pattern=r"^(/[A-Za-z0-9._~-]+)*$"),
    ] = ""
    jobs: Annotated[tuple[str, ...], about("module or package with handlers; repeatable")] = ("relay.jobs",)
    fronts: Annotated[Count, about("number of front processes (all)")] = 1
    workers: Annotated[Count, about("number of worker processes (all)")] = 1
    grace: Annotated[Seconds, about("how long a held request stays silent before relay commits to 200")] = 5
    heartbeat: Annotated[Seconds, about("time between the heartbeats of a held request, 0 for none")] = 8
    max_wait: Annotated[
        float, counted_in("seconds", gt=0, le=YEAR), about("longest time that a request is held")
    ] = 600
    keepalive: Annotated[Seconds, about("time after which an idle kept-alive connection is closed")] = 75
    keep: Annotated[Lifetime, about("how long outcomes and keys are kept")] = 3600
    dead_keep: Annotated[Lifetime, about("how long dead jobs are kept")] = 7 * 86400
    dead_bytes: Annotated[
        Size, about("limit for the size of all dead jobs together; the oldest are deleted first")
    ] = 64 << 20
    dead_arguments: Annotated[
        Bytes,
        about("largest arguments that are kept with a dead job; without them it can't be run again"),
    ] = 1 << 20
    require_key: Annotated[bool, about("refuse submissions without an idempotency key")] = False
    max_held: Annotated[Count, about("held requests per front; above it clients get 202")] = 15_000
    max_connections: Annotated[
        CountOrNone, about("connected clients per front, 0 for as many as its file descriptors allow")
    ] = 0
    max_per_address: Annotated[CountOrNone, about("connected clients per address, 0 for no limit")] = 0
    body_limit: Annotated[Size, about("largest body of a submission")] = 1 << 20
    result_limit: Annotated[Size, about("largest result of a job")] = 1 << 20
    queue_limit: Annotated[Count, about("how many jobs may be queued, scheduled or running at once")] = (
        1_000_000
    )
    queue_bytes: Annotated[Size, about("size of all jobs that are queued, scheduled or running")] = 512 << 20
    max_delay: Annotated[
        float,
        counted_in("seconds", ge=0, le=30 * 86_400),
        about("longest `Relay-Delay` and `Relay-Deadline` that a client may ask for"),
    ] = 30 * 86_400
    concurrency: Annotated[Count, about("jobs that one worker runs at once")] = 200
    queues: Annotated[
        tuple[str, ...], about("queues that this worker serves, separated by commas (default: all)")
    ] = ()
    lease: Annotated[
        float,
        counted_in("seconds", ge=1, le=86_400),
        about("time without a sign of life after which a worker loses its jobs"),
    ] = 10
    stall: Annotated[
        float,
        counted_in("seconds", ge=1, le=86_400),
        about("how long a handler may block its worker before the worker is killed"),
    ] = 60
    drain: Annotated[Seconds, about("how long a stopping process has to finish its work")] = 30
    drain_limit: Annotated[
        Seconds, about("how long a worker that was replaced has to finish its jobs (all)")
    ] = 3600
    reactor: Annotated[
        Literal["asyncio", "uvloop", "epoll", "poll", "select", "kqueue"],
        about("what workers wait with: asyncio or uvloop, whose awaitables handlers can await, or epoll, …"),
    ] = "asyncio"
    per_host: Annotated[Count, about("concurrent calls from one worker to one host")] = 100
    reload: Annotated[
        bool, about("for development: replace workers when a module of their application is edited")
    ] = False
    probes: Annotated[
        bool,
        about(
            "answer the probes of `relay doctor --url`, which look for what stands between clients and relay"
        ),
    ] = False
    allow_private: Annotated[bool, about("let the handlers' HTTP client connect to private addresses")] = (
        False
    )
    log_format: Annotated[
        Literal["text", "json"], about("format of the log: text, or json for one object per line")
    ] = "text"
    log_level: Annotated[
        Literal["debug", "info", "warn", "error"],
        about("lowest level that is logged: debug, info, warn or error"),
    ] = "info"
    log_jobs: Annotated[
        Literal["all", "failures", "none"],
        about("attempts at jobs whose end is a line of the log: all, failures, or none"),
    ] = "all"
    log_requests: Annotated[
        Literal["all", "failures", "none"],
        about("requests that are a line of the log: all, failures, or none"),
    ] = "all"
    traces: Annotated[bool, about("trace requests and jobs with OpenTelemetry, as `OTEL_…` says")] = False
    set: Annotated[
        tuple[Assignment, ...], about("NAME=VALUE for handlers (`context.settings`); repeatable")
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
        settings = cls(**merged)
        check_callers(settings)
        return settings

    def for_handlers(self) -> Mapping[str, str]:
        """The values of ``--set``, by name; the last one counts."""
        return Given(dict(text.split("=", 1) for text in self.set))

    def environ(self) -> dict[str, str]:
        """These settings as environment variables for a child process, because everybody can read its command line."""
        return {PREFIX + name.upper(): as_text(getattr(self, name)) for name in self.__struct_fields__}


def fields() -> Iterator[tuple[str, type, Any, str]]:
    """Each setting: its name, how it is given (`bool`, `tuple` or `str`), its default, its meaning."""
    hints = get_type_hints(Settings, include_extras=True)
    own = Settings.__annotations__
    for field in sorted(msgspec.structs.fields(Settings), key=lambda field: field.name not in own):
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
    check_origins(settings.cors, source)
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
    if name == "callers":
        wanted = "Expected module:object, such as myapp.callers:keys"
    if name in _SECRET:
        return f"--{name} {source}: {_SECRET[name]} (the value is not shown)"
    return f"--{name.replace('_', '-')} {source}: {wanted.replace('`', '')}, not {values.get(name)!r}"


def config_path(options: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> str | None:
    """The path of the TOML file: ``--config``, else ``RELAY_CONFIG``, else `None`."""
    path = options.get("config") or environment.get(PREFIX + "CONFIG")
    return str(path) if path else None
