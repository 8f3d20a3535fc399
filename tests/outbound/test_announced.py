"""What APIs say of their limits."""

from __future__ import annotations

import json

import pytest
from twisted.web.http_headers import Headers

from relay.model.limits import Learned, Rate
from relay.outbound.announced import learn, retry_after

NOW = 1_800_000_000.0
BUSINESS = {"1": [{"call_count": 101, "estimated_time_to_regain_access": 7}], "2": [{"call_count": 3}]}
CASES = [
    (429, {"Retry-After": "7"}, Learned(pause=7)),
    (503, {"Retry-After": "7"}, Learned(pause=7)),
    (200, {"Retry-After": "7"}, Learned()),
    (429, {"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"}, Learned(pause=30)),
    (429, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, Learned()),
    (429, {"Retry-After": "soon"}, Learned()),
    (429, {"Retry-After": "999999999"}, Learned(pause=86400)),
    (429, {}, Learned()),
    (200, {"RateLimit-Policy": '"default";q=50;w=1'}, Learned(Rate(50, 1))),
    (200, {"RateLimit-Policy": '"burst";q=100;w=60, "day";q=1000;w=86400'}, Learned(Rate(1000, 86400))),
    (200, {"RateLimit-Policy": "10;w=1, 50;w=60"}, Learned(Rate(50, 60))),
    (200, {"RateLimit-Policy": '"default";q=50'}, Learned()),
    (200, {"RateLimit-Policy": "1;w=315360000"}, Learned(Rate(1, 86400))),
    (200, {"RateLimit-Policy": "1;w=" + "9" * 5000}, Learned(Rate(1, 86400))),
    (200, {"RateLimit-Policy": "9" * 5000 + ";w=1"}, Learned()),
    (200, {"RateLimit": '"default";r=0;t=30'}, Learned(pause=30)),
    (200, {"RateLimit": '"default";r=5;t=30'}, Learned()),
    (200, {"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}, Learned(pause=30)),
    (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 30)}, Learned(pause=30)),
    (200, {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "30"}, Learned()),
    (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "tomorrow"}, Learned()),
    (200, {"X-App-Usage": json.dumps({"call_count": 28, "total_time": 25})}, Learned()),
    (200, {"X-App-Usage": json.dumps({"call_count": 28, "total_time": 100})}, Learned(pause=60)),
    (200, {"X-Business-Use-Case-Usage": json.dumps(BUSINESS)}, Learned(pause=420)),
    (200, {"X-App-Usage": '{"estimated_time_to_regain_access": ' + "9" * 400 + "}"}, Learned(pause=86400)),
    (200, {"X-App-Usage": "[" * 5000}, Learned()),
    (200, {"X-App-Usage": '{"call_count": ' + "9" * 100_000 + "}"}, Learned()),
    (429, {"Retry-After": "1 Jan 2027 " * 10_000}, Learned()),
    (200, {"RateLimit-Policy": "1" * 200_000}, Learned()),
    (200, {"X-App-Usage": "not json"}, Learned()),
    (200, {"X-App-Usage": "[1]"}, Learned()),
]


@pytest.mark.parametrize(("status", "headers", "learned"), CASES)
def test_limits_are_read_off_answers(status: int, headers: dict[str, str], learned: Learned) -> None:
    assert learn(status, Headers({name: [value] for name, value in headers.items()}), NOW) == learned


def test_an_answer_without_retry_after_names_no_time() -> None:
    assert retry_after(Headers(), NOW) is None
