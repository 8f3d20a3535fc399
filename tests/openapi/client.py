"""A client made by openapi-python-client (the package `made`). It is given the address of a relay, and says what it was
answered."""

from __future__ import annotations

import json
import sys
from typing import Any

from made import Client
from made.api.any_job import cancel_job, get_job
from made.api.area import put_area, submit_area
from made.api.late import submit_late
from made.api.pay import submit_pay
from made.models import (
    AreaArguments,
    AreaBox,
    AreaEnvelope,
    Envelope,
    LateArguments,
    OnDisconnect,
    PayArguments,
    PayEnvelope,
    Problem,
)


def submitted(client: Any) -> list[Any]:
    body = AreaArguments(box=AreaBox(width=2, height=3), scale=4)
    known = submit_area.sync(client=client, body=body, relay_on_disconnect=OnDisconnect.CANCEL)
    assert isinstance(known, AreaEnvelope)
    return [str(known.state), known.result]


def under_a_key(client: Any) -> list[Any]:
    body = AreaArguments(box=AreaBox(width=5))
    first, second = (put_area.sync_detailed("typed-in-python", client=client, body=body) for _ in range(2))
    return [first.parsed.id == second.parsed.id, second.headers["Idempotency-Replayed"]]


def looked_at(client: Any) -> list[Any]:
    later = submit_late.sync_detailed(client=client, body=LateArguments(), relay_delay=60.5)
    cancel_job.sync(later.parsed.id, client=client)
    known = get_job.sync(later.parsed.id, client=client)
    assert isinstance(known, Envelope)
    return [later.status_code, str(known.state)]


def delayed_by_almost_nothing(client: Any) -> int:
    """Which Python writes as 1e-05."""
    return int(
        submit_late.sync_detailed(client=client, body=LateArguments(), relay_delay=0.00001).status_code
    )


def failed(client: Any, euros: int) -> list[Any]:
    answer = submit_pay.sync_detailed(client=client, body=PayArguments(euros=euros))
    assert isinstance(answer.parsed, PayEnvelope | Envelope)
    return [answer.status_code, answer.parsed.error.type_, answer.parsed.error.additional_properties]


def refused(client: Any) -> list[Any]:
    answer = submit_pay.sync_detailed(client=client, body=PayArguments(euros=-1))
    assert isinstance(answer.parsed, Problem)
    return [answer.status_code, answer.parsed.errors[0].at]


def main(address: str) -> None:
    with Client(base_url=address) as client:
        told = {
            "submitted": submitted(client),
            "under_a_key": under_a_key(client),
            "looked_at": looked_at(client),
            "delayed": delayed_by_almost_nothing(client),
            "declined": failed(client, 600),
            "flooded": failed(client, 950),
            "refused": refused(client),
        }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
