"""The settings of durable jobs, a part of `relay.model.settings.Settings`."""

from __future__ import annotations

from typing import Annotated, Literal

from relay.model.caller_settings import CallerSettings
from relay.model.setting_types import Count, about


class DurableSettings(CallerSettings, frozen=True, kw_only=True):
    """What has to have a durable job before it is accepted."""

    durable: Annotated[
        Literal["auto", "replica", "disk", "replica+disk"],
        about(
            "what has to have a durable job, and its outcome, before that is told: a replica (WAIT), the disk "
            "(WAITAOF), or both; auto is a replica where there are some, else the disk"
        ),
    ] = "auto"
    durable_replicas: Annotated[
        Count,
        about(
            "how many replicas have to, at least: under Sentinels and in a Cluster all do that could take over"
        ),
    ] = 1
