"""Whatever stands between clients and relay is found out: real proxies, each with a fault, and none without one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.doctor.diagnosis import Severity
from relay.doctor.target import Target
from relay.doctor.trials import NotThere, Trials
from tests.doctor.between import Between, Faults
from tests.doctor.conftest import BODY_LIMIT, examine, wrongs
from tests.processes import ROOT, Client, RedisProcess, RelayProcess, eventually, free_port
from tests.stack.proxies import HAProxy, Nginx, shipped_nginx

pytestmark = pytest.mark.processes

RELAY = [sys.executable, "-m", "relay.commands.main"]

#: of nginx, for relay
WELL = """proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header X-Forwarded-For $remote_addr;
          proxy_buffering off;"""


@contextmanager
def nginx(fronts: list[RelayProcess], directory: Path, inside: str, outside: str = "") -> Iterator[int]:
    port = free_port()
    servers = " ".join(f"server 127.0.0.1:{front.port} max_fails=0;" for front in fronts)
    text = f"""events {{}}
    http {{
        access_log off;
        {outside}
        upstream relay {{ {servers} keepalive 8; }}
        server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://relay; {inside} }} }}
    }}"""
    process = Nginx(directory, text, port)
    process.start()
    yield port
    process.stop()


@contextmanager
def haproxy(fronts: list[RelayProcess], directory: Path, inside: str) -> Iterator[int]:
    port = free_port()
    servers = "\n  ".join(f"server s{front.port} 127.0.0.1:{front.port}" for front in fronts)
    text = f"""
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend clients
  bind 127.0.0.1:{port}
  default_backend relay
backend relay
  option forwardfor
  http-request del-header X-Forwarded-For
  {inside}
  {servers}
"""
    process = HAProxy(directory, text, port)
    process.start()
    eventually(lambda: is_there(port), "HAProxy listens")
    yield port
    process.stop()


def is_there(port: int) -> bool:
    try:
        Client(port).close()
    except OSError:
        return False
    return True


def test_an_nginx_with_many_faults_is_found_out(one: RelayProcess, directory: Path) -> None:
    inside = """proxy_read_timeout 2s; proxy_set_header Prefer ""; proxy_hide_header Location;
                proxy_next_upstream error timeout non_idempotent;"""
    outside = (
        "gzip on; gzip_types application/json; gzip_proxied any; gzip_min_length 0; client_max_body_size 1k;"
    )
    with nginx([one, one], directory, inside, outside) as port:
        found = examine(port, most=3.5)
    wrong = {"http version", "request headers", "answer headers", "client address", "heartbeats", "silence"}
    assert wrongs(found) == {*wrong, "resent", "body"}
    assert "Prefer did not arrive" in found["request headers"].saw
    assert "compressed (gzip)" in found["heartbeats"].saw
    assert found["silence"].remedy[0].startswith("nginx: proxy_read_timeout")
    assert "2 times" in found["resent"].saw
    assert "413 by nginx" in found["body"].saw


@pytest.mark.long
def test_nothing_is_found_where_nothing_is_wrong(probed: list[RelayProcess], directory: Path) -> None:
    assert wrongs(examine(probed[0].port)) == set()
    with nginx(probed, directory, WELL) as port:
        assert wrongs(examine(port)) == set()


@pytest.mark.long
@pytest.mark.parametrize(
    ("inside", "wrong", "evidence"),
    [
        ("proxy_read_timeout 2s;", "silence", "cut after 2."),
        ("proxy_pass_request_headers off;", "request headers", "Idempotency-Key"),
        ('proxy_set_header Authorization "";', "request headers", "Authorization did not arrive"),
        ("proxy_next_upstream error timeout non_idempotent;", "resent", "2 times"),
        ("client_max_body_size 1k;", "body", "413 by nginx"),
        ("proxy_hide_header Relay-Job-Id;", "answer headers", "Relay-Job-Id"),
        ("proxy_http_version 1.0;", "http version", "HTTP/1.0"),
        ("proxy_redirect /jobs/ /elsewhere/;", "location", "/elsewhere/-probe"),
    ],
)
def test_a_fault_of_nginx_is_found_and_nothing_else(
    probed: list[RelayProcess], directory: Path, inside: str, wrong: str, evidence: str
) -> None:
    well = WELL.replace("proxy_http_version 1.1;", "") if "http_version" in inside else WELL
    with nginx(probed, directory, well + inside) as port:
        found = examine(port)
    assert wrongs(found) == {wrong}
    assert evidence in found[wrong].saw


@pytest.mark.long
@pytest.mark.parametrize(
    ("inside", "wrong", "evidence"),
    [
        ("timeout server 2s", "silence", "cut after 2."),
        ("retry-on all-retryable-errors\n  retries 2\n  option redispatch 1", "resent", "sent once"),
        ("http-request del-header Idempotency-Key", "request headers", "Idempotency-Key"),
        ("http-response del-header Relay-Outcome", "answer headers", "Relay-Outcome"),
        ("http-request deny deny_status 413 if { req.hdr(Content-Length) -m int gt 2000 }", "body", "413"),
    ],
)
def test_a_fault_of_haproxy_is_found_and_nothing_else(
    probed: list[RelayProcess], directory: Path, inside: str, wrong: str, evidence: str
) -> None:
    with haproxy(probed, directory, inside) as port:
        found = examine(port)
    assert wrongs(found) == {wrong}
    assert evidence in found[wrong].saw


@pytest.mark.long
@pytest.mark.parametrize(
    "inside",
    ["compression algo gzip\n  compression type application/json", "option http-buffer-request"],
    ids=["relay says no-transform", "requests may be buffered"],
)
def test_what_does_no_harm_in_haproxy_is_not_found(
    probed: list[RelayProcess], directory: Path, inside: str
) -> None:
    with haproxy(probed, directory, inside) as port:
        assert wrongs(examine(port)) == set()


def without_beats(data: bytes) -> bytes:
    return data.replace(b"1\r\n\n\r\n", b"")


@pytest.mark.long
@pytest.mark.parametrize(
    ("faults", "wrong", "evidence"),
    [
        (Faults(seconds=3.6), {"total"}, "cut after 3."),
        (Faults(keeps=True), {"heartbeats"}, "late, together with 4 others"),
        (Faults(change=without_beats), {"heartbeats"}, "5 heartbeats were sent, 0 came"),
    ],
    ids=["cut after a time", "kept back", "white space swallowed"],
)
def test_what_becomes_of_bytes_is_found_out(
    probed: list[RelayProcess], faults: Faults, wrong: set[str], evidence: str
) -> None:
    with Between(probed[0].port, faults) as between:
        found = examine(between.port)
    assert wrongs(found) == wrong
    assert evidence in found[next(iter(wrong))].saw


@pytest.mark.long
def test_an_answer_that_is_cut_after_some_bytes_is_told_as_such(probed: list[RelayProcess]) -> None:
    with (
        Between(probed[0].port, Faults(most=700)) as between,
        pytest.raises(NotThere, match=r"cut after \d+ bytes"),
    ):
        examine(between.port)


@pytest.fixture
def hush(directory: Path) -> Callable[..., NotThere]:
    def ask(port: int) -> NotThere:
        with pytest.raises(NotThere) as caught:
            Trials(Target.parse(f"http://127.0.0.1:{port}"), 5, BODY_LIMIT).run()
        return caught.value

    return ask


def test_where_nobody_listens_the_reason_is_told(hush: Callable[..., NotThere]) -> None:
    assert "Connection refused" in str(hush(free_port()))


@pytest.mark.long
def test_a_front_without_probes_is_told_from_one_with_them(
    probed: list[RelayProcess], directory: Path, hush: Callable[..., NotThere]
) -> None:
    with nginx(probed, directory, "return 404;") as port:
        assert "--probes" in str(hush(port))
    with nginx(probed, directory, "return 307 http://127.0.0.1/;") as port:
        assert "give that URL" in str(hush(port))


@pytest.mark.long
def test_the_doctor_is_done_in_the_time_that_it_was_given(probed: list[RelayProcess]) -> None:
    told: list[float] = []
    target = Target.parse(f"http://127.0.0.1:{probed[0].port}")
    Trials(target, 6, BODY_LIMIT, tell=lambda part, what: told.append(part)).run()
    assert told == sorted(told)


# -- TLS, credentials --


@pytest.fixture
def shipped(probed: list[RelayProcess], directory: Path) -> Iterator[Nginx]:
    """nginx as it is shipped, with TLS and a certificate that is valid for a day."""
    nginx = shipped_nginx(directory, [front.port for front in probed])
    nginx.start()
    yield nginx
    nginx.stop()


@pytest.mark.long
def test_the_nginx_that_is_shipped_is_well(shipped: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(shipped.directory / "localhost.pem"))
    found = examine(shipped.port, scheme="https")
    assert wrongs(found) == {"tls"}
    assert "the certificate is valid for 1 more days" in found["tls"].saw
    assert found["http/2"].severity is Severity.OK


@pytest.mark.long
def test_a_certificate_that_is_not_trusted_is_told_and_sees_no_token(shipped: Nginx) -> None:
    with pytest.raises(NotThere, match="is not to be trusted"):
        examine(shipped.port, scheme="https", token="rly_secret")
    found = examine(shipped.port, scheme="https", insecure=True)
    assert wrongs(found) == {"tls"}
    assert found["tls"].severity is Severity.BAD


@pytest.mark.long
def test_a_relay_with_callers_is_looked_at_with_a_token(redis: RedisProcess, tmp_path: Path) -> None:
    made = subprocess.run(
        [*RELAY, "tokens", "add", "--file", "tokens.toml", "doctor"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    options = ["--redis", redis.url, "--probes", "--tokens", "tokens.toml", "--body-limit", str(BODY_LIMIT)]
    front = RelayProcess(tmp_path, "front", *options, port=free_port())
    front.start()
    with pytest.raises(NotThere, match="401 by relay"):
        examine(front.port)
    assert wrongs(examine(front.port, token=made.stdout.strip())) == set()
    with (
        nginx([front], tmp_path, WELL + 'proxy_set_header Authorization "";') as port,
        pytest.raises(NotThere, match="Authorization may have been lost"),
    ):
        examine(port, token=made.stdout.strip())
    front.stop()


@pytest.mark.long
def test_fronts_without_room_are_told_from_proxies_that_cut(redis: RedisProcess, tmp_path: Path) -> None:
    options = ["--redis", redis.url, "--open", "--probes", "--max-held", "2", "--body-limit", str(BODY_LIMIT)]
    front = RelayProcess(tmp_path, "front", *options, port=free_port())
    front.start()
    found = examine(front.port)
    assert wrongs(found) == {"heartbeats"}
    assert "holds as many requests as it may" in found["heartbeats"].saw
    front.stop()
