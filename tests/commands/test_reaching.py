"""Which relay a command is about."""

from __future__ import annotations

import socket
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.commands import reaching
from relay.commands.operator_arguments import add_reach, moment_of, past, word
from relay.commands.reaching import ListenerReach, NoRelay, Reach, StoreReach, reach
from relay.model.settings import SettingError


def meant(*words: str, **environment: str) -> Reach:
    parser = ArgumentParser()
    add_reach(parser)
    return reach(parser.parse_args(words), environment)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory and a machine without a relay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reaching, "supervisors", list)
    monkeypatch.setattr(reaching, "sockets_of_redis", lambda parents: [])


def test_what_the_command_line_says_goes_before_the_environment() -> None:
    assert meant("--redis", "redis://a", RELAY_REDIS="redis://b", RELAY_ADMIN_URL="http://c") == StoreReach(
        "redis://a"
    )
    assert meant("--admin", "http://a", RELAY_ADMIN_URL="http://b") == ListenerReach("http://a", "")
    assert meant(RELAY_ADMIN_URL="http://b", RELAY_REDIS="redis://b") == ListenerReach("http://b", "")
    assert meant(RELAY_REDIS="redis://b") == StoreReach("redis://b")


def test_a_file_of_settings_names_the_store(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text('redis = "redis://c"\n')
    assert meant(RELAY_CONFIG="relay.toml") == StoreReach("redis://c")
    assert meant(RELAY_CONFIG="relay.toml", RELAY_REDIS="redis://b") == StoreReach("redis://b")
    with pytest.raises(SettingError, match=r"missing\.toml"):
        meant(RELAY_CONFIG="missing.toml")


def test_both_can_not_be_meant(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        meant("--redis", "redis://a", "--admin", "http://a")
    assert "not allowed with" in capsys.readouterr().err


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    assert meant("--admin", "https://a", "--token-file", "token", RELAY_OPERATOR_TOKEN="no") == ListenerReach(
        "https://a", "from-file"
    )
    assert meant("--admin", "https://a", RELAY_OPERATOR_TOKEN="from-env\n") == ListenerReach(
        "https://a", "from-env"
    )


@pytest.mark.parametrize("text", ["", "two tokens", "a\nb", "ü"])
def test_a_file_without_one_token_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(text)
    with pytest.raises(SettingError, match="--token-file token"):
        meant("--admin", "https://a", "--token-file", "token")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "tcp:8081",
            "localhost:8081",
            "ftp://a",
            "http://",
            "https://a?x=1",
            "https://token@ops.example.com",
        ),
        *("http://[::1", "http://a:99999", "http://a:x", "http://a:0"),
    ],
)
def test_what_is_no_url_of_a_listener_is_refused(url: str) -> None:
    with pytest.raises(SettingError, match="--admin"):
        meant("--admin", url)


@pytest.mark.parametrize(
    ("url", "is_open"),
    [
        ("http://10.0.0.5:8081", True),
        ("http://127.0.0.1:8081", False),
        ("http://[::1]:8081", False),
        ("https://a", False),
    ],
)
def test_a_token_that_would_go_unencrypted_over_a_network_is_noticed(url: str, is_open: bool) -> None:
    assert ListenerReach(url, "t").is_open == is_open
    assert not ListenerReach(url, "").is_open


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[str]:
    """The socket of an embedded Redis in the usual place."""
    (tmp_path / "relay-data").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("relay-data/redis.sock")
        yield str(tmp_path / "relay-data/redis.sock")


def test_the_embedded_redis_of_this_directory_is_found(embedded: str, tmp_path: Path) -> None:
    assert meant() == StoreReach(f"unix://{embedded}")
    assert meant(RELAY_REDIS="embedded:") == StoreReach(f"unix://{embedded}")
    (tmp_path / "relay-data").rename("elsewhere")
    with pytest.raises(NoRelay):
        meant()
    assert meant(RELAY_DATA="elsewhere") == StoreReach(f"unix://{tmp_path}/elsewhere/redis.sock")


def test_the_embedded_redis_of_a_relay_that_runs_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "supervisors", lambda: [7])
    monkeypatch.setattr(reaching, "sockets_of_redis", lambda parents: [f"/run/{pid}.sock" for pid in parents])
    assert meant() == StoreReach("unix:///run/7.sock")
    monkeypatch.setattr(reaching, "supervisors", lambda: [7, 8])
    with pytest.raises(NoRelay, match=r"several run here.*unix:///run/7.sock, unix:///run/8.sock"):
        meant()


def test_without_a_relay_it_is_said_how_to_name_one() -> None:
    with pytest.raises(
        NoRelay, match="--redis or RELAY_REDIS, its file of settings with RELAY_CONFIG, or its admin"
    ):
        meant()


NOW = 1_790_000_000_000


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("10m", NOW - 600_000),
        ("3d", NOW - 3 * 86_400_000),
        ("2026-09-21T14:13:20Z", NOW),
        ("2026-09-21T16:13:20+02:00", NOW),
        ("2026-09-21 14:13:20", NOW),
        ("999999w", 1),
    ],
)
def test_a_time_is_an_age_or_a_moment(text: str, at: int) -> None:
    assert moment_of(past(text), NOW) == at


@pytest.mark.parametrize("text", ["", "yesterday", "10", "10y", "-1h", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        past(text)


@pytest.mark.parametrize("text", ["", "a\nb", "\x1b[0m", "x" * 2000])
def test_words_that_can_not_be_meant_are_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        word(text)
