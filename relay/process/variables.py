"""Checks the names of relay's environment variables, so that a misspelt one is reported and not ignored."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping

from relay.model.settings import PREFIX, SettingError, Settings

#: RELAY_URL is where other servers find relay, and RELAY_ADMIN_URL, RELAY_OPERATOR_TOKEN where the command `relay` does
_OTHERS = {"RELAY_CONFIG", "RELAY_ROLE", "RELAY_URL", "RELAY_ADMIN_URL", "RELAY_OPERATOR_TOKEN"}
#: what Kubernetes tells each container of a service that is called "relay"
_OF_KUBERNETES = re.compile(
    r"RELAY_(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)


def check(environment: Mapping[str, str]) -> None:
    """Raises `SettingError` if a variable looks like a setting but no setting has that name."""
    known = {PREFIX + name.upper() for name in Settings.__struct_fields__} | _OTHERS
    for given in sorted(environment.keys() - known):
        if given.startswith(PREFIX) and not _OF_KUBERNETES.fullmatch(given):
            near = difflib.get_close_matches(given, known, 1, 0.8)
            raise SettingError(
                f"there is no setting {given}" + (f": did you mean {near[0]}?" if near else "")
            )
