"""The command ``relay doctor``: looks for what would make relay fail, or be slow, later on.

It ends with status 0 where nothing is bad, 1 if it could not look at something, 2 for a mistake on its command line, 3
if something is bad.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from relay.commands.doctor_report import DoctorReport, progress
from relay.doctor.cluster_checks import check_cluster, one_node
from relay.doctor.cluster_state import look_at_cluster
from relay.doctor.diagnosis import Area, Diagnosis, bad, is_bad, note
from relay.doctor.habit_checks import check_settings, whose
from relay.doctor.machine import Machine
from relay.doctor.promised import Promised
from relay.doctor.redis_checks import check_redis
from relay.doctor.redis_state import NoRedis, look_at_redis, partitions_at
from relay.doctor.sentinel_checks import check_sentinels
from relay.doctor.sentinel_state import look_at_sentinels
from relay.doctor.target import Target, TargetError
from relay.doctor.trials import NotThere, Trials
from relay.doctor.way_checks import judge
from relay.model.settings import PREFIX, SettingError, Settings, config_path
from relay.process import variables
from relay.redis.address import Address, AddressError
from relay.store.keys import Keys

_BAD, _UNSEEN = 3, 1  # statuses
_USUAL = Path("/etc/relay/relay.toml")
_LONGEST_TOKEN = 16 << 10  # bytes of its file


def run(asked: Namespace) -> None:
    """Look, and tell."""
    try:
        target = _target(asked) if asked.url else None
        address = Address.parse(asked.redis) if asked.redis else None
    except (TargetError, AddressError, OSError) as error:
        sys.stderr.write(f"relay doctor: {error}\n")
        sys.exit(2)
    report = DoctorReport(sys.stdout, asked.json)
    areas = []
    for area in _areas(asked, target, address, os.environ):
        areas.append(area)
        report.tell(area)
    report.end(areas)
    sys.exit(_BAD if is_bad(areas) else _UNSEEN if any(area.failed for area in areas) else 0)


def _areas(
    asked: Namespace, target: Target | None, address: Address | None, environment: Mapping[str, str]
) -> Iterator[Area]:
    """One after the other, because they take their time."""
    settings, mistake = _settings(asked, environment)
    if target is None or asked.config or asked.redis:
        yield _of_settings(settings, mistake, asked, environment)
        yield _of_redis(settings, address, _knows_partitions(asked, environment))
    if target is not None:
        with progress(sys.stderr) as tell:
            area = _of_way(target, Promised.by(settings), asked, tell)
        yield area


def _settings(asked: Namespace, environment: Mapping[str, str]) -> tuple[Settings, str]:
    """Relay's settings, and what is wrong with them; the defaults where something is."""
    given = {"redis": asked.redis, "store_name": asked.store_name, "partitions": asked.partitions}
    options = {name: value for name, value in given.items() if value}
    try:
        variables.check(environment)
        return Settings.read(options, environment, config_path({"config": asked.config}, environment)), ""
    except SettingError as error:
        return Settings(), str(error)


def _of_settings(settings: Settings, mistake: str, asked: Namespace, environment: Mapping[str, str]) -> Area:
    at = config_path({"config": asked.config}, environment) or "RELAY_… and defaults"
    machine = Machine.look()
    diagnoses = check_settings(settings, machine)
    if mistake:
        diagnoses.insert(
            0, bad("settings", mistake, "relay does not start; the defaults are looked at below")
        )
    elif at != str(_USUAL) and _USUAL.exists():
        diagnoses.insert(0, note("settings", f"{_USUAL} is not looked at", "", f"--config {_USUAL}"))
    elif not config_path({"config": asked.config}, environment):
        diagnoses[:0] = whose(machine)
    return Area("settings", at, diagnoses)


def _knows_partitions(asked: Namespace, environment: Mapping[str, str]) -> bool:
    """Whether the number of partitions is that of a relay's settings. A store that is named alone says it itself."""
    told = asked.partitions or environment.get(f"{PREFIX}PARTITIONS") or config_path(vars(asked), environment)
    return bool(told) or not asked.redis


def _of_redis(settings: Settings, address: Address | None, knows_partitions: bool) -> Area:
    try:
        address = address or _address(settings)
    except AddressError as error:
        return Area("redis", "", [bad("address", f"--redis: {error}", "relay does not start")])
    if address is None:
        at = Path(settings.data).absolute() / "redis.sock"
        why = "the embedded Redis does not run in this folder: it starts with relay, whose --data it is in"
        return Area("redis", str(at), [note("embedded", f"{at} is not there", why)])
    if not knows_partitions and (there := partitions_at(address, settings.store_name)):
        settings = msgspec.structs.replace(settings, partitions=there)
    around: list[Diagnosis] = []
    try:
        around = _around(address, settings)
        state = look_at_redis(address, _keys(settings))
        found = [*one_node(state, address), *check_redis(state, settings)]
        return Area("redis", address.shown, [*around, *found])
    except NoRedis as error:
        return Area("redis", address.shown, around, failed=str(error))


def _around(address: Address, settings: Settings) -> list[Diagnosis]:
    """What those say that know where its servers are. Raises `NoRedis`."""
    if address.kind == "sentinel":
        return check_sentinels(look_at_sentinels(address), address.name)
    if address.kind == "cluster":
        return check_cluster(look_at_cluster(address, _keys(settings)))
    return []


def _keys(settings: Settings) -> list[Keys]:
    """Of each partition of the store."""
    return [Keys(n, settings.partitions, settings.store_name) for n in range(settings.partitions)]


def _address(settings: Settings) -> Address | None:
    """Of the store that the settings name; None for an embedded one that does not run."""
    if settings.redis not in ("", "embedded:"):
        return Address.parse(settings.redis)
    path = Path(settings.data).absolute() / "redis.sock"
    return Address.parse(f"unix://{path}") if path.is_socket() else None


def _of_way(target: Target, promised: Promised, asked: Namespace, tell: Callable[[float, str], None]) -> Area:
    try:
        seen = Trials(target, asked.most, promised.body_limit, asked.insecure, tell).run()
    except NotThere as error:
        return Area("way", target.shown, [], failed=str(error))
    return Area("way", target.shown, judge(seen, promised))


def _target(asked: Namespace) -> Target:
    """Raises `TargetError`, `OSError`."""
    token = ""
    if asked.token_file:
        with open(asked.token_file, encoding="latin-1") as file:
            token = file.read(_LONGEST_TOKEN).strip()
        if not token.isascii() or not token.isprintable() or " " in token:
            raise TargetError(f"{asked.token_file}: expected one token")
    return Target.parse(asked.url, token)
