"""Who uses the admin listener, and what its routes ask of that."""

from __future__ import annotations

from enum import Enum

import msgspec


class AdminTakes(Enum):
    """Whom a route is for."""

    ANYBODY = "anybody: probes, and the page before somebody logged in"
    VISITOR = "whoever may log in: a program or a page of this listener's own"
    OPERATOR = "who may look; what acts checks itself whether it may"


class Operator(msgspec.Struct, frozen=True):
    """Who looks. `name`: of the token, "" where nobody has one · `acts`: whether it may change things · `csrf`: what a
    page has to send with each change, "" where no cookie was used · `address`: where it asks from."""

    name: str = ""
    acts: bool = False
    csrf: str = ""
    address: str = ""


#: asks for what is for anybody
SOMEBODY = Operator()
