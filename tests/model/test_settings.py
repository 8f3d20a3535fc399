"""Settings: where they come from, and what is said of those that can't be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from relay.model.settings import SettingError, Settings, fields, unit
from relay.process import variables
from relay.redis.address import Address, AddressError


def test_the_command_line_is_before_the_environment_before_the_file_before_defaults(tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_text('grace = 1\nheartbeat = 1\nmax-wait = 1\nlisten = ["tcp:1", "tcp:2"]\n')
    settings = Settings.read({"grace": "3"}, {"RELAY_GRACE": "2", "RELAY_HEARTBEAT": "2"}, str(file))
    assert (settings.grace, settings.heartbeat, settings.max_wait, settings.drain) == (3, 2, 1, 30)
    assert settings.listen == ("tcp:1", "tcp:2")


def test_settings_survive_the_environment_of_a_child() -> None:
    settings = Settings.read(
        {
            "listen": ["tcp:1", "unix:/a b"],
            "open": True,
            "grace": "0.5",
            "queues": ["a", "b"],
            "set": ["secret=a;b=c", "name=[]"],
        },
        {},
    )
    assert Settings.read({}, settings.environ()) == settings


def test_handlers_get_what_was_set_for_them() -> None:
    settings = Settings.read({}, {"RELAY_SET": "a=1;b=x=y;a=2"})
    assert settings.for_handlers() == {"a": "2", "b": "x=y"}
    assert Settings.read({}, {"RELAY_SET": '["a=1;2"]'}).for_handlers() == {"a": "1;2"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"grace": "soon"}, "--grace from the command line: Expected float, not 'soon'"),
        ({"grace": "-1"}, "--grace from the command line: Expected float >= 0.0, not '-1'"),
        ({"fronts": "0"}, "--fronts from the command line: Expected int >= 1, not '0'"),
        ({"fronts": "1.5"}, "--fronts from the command line: Expected int, not '1.5'"),
        ({"prefix": "v1"}, "--prefix"),
        ({"queues": ["A b"]}, "--queues"),
        ({"set": ["Nothing"]}, "--set"),
        (
            {"log_level": "loud"},
            "--log-level from the command line: Expected debug or info or warn or error, not 'loud'",
        ),
        ({"nonsense": "1"}, "there is no setting nonsense (from the command line)"),
        ({"max_wate": "1"}, "there is no setting max-wate (from the command line): did you mean max-wait?"),
        ({"trusted_proxy": ["x"]}, "--trusted-proxy from the command line: 'x' is not an address"),
        ({"allow": ["unix:"]}, "--allow from the command line: 'unix:' is not an address or a network"),
        ({"allow": ["10.0.0.0/8", "relay"]}, "--allow from the command line: 'relay' is not an address"),
        ({"host": ["https://relay.example.com"]}, "--host from the command line"),
    ],
)
def test_a_setting_that_can_not_be_used_is_named_in_one_line(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.read(given, {})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_source_of_a_wrong_setting_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="from the environment"):
        Settings.read({}, {"RELAY_LEASE": "x"})
    file = tmp_path / "relay.toml"
    file.write_text("lease = 0")
    with pytest.raises(SettingError, match=r"relay\.toml"):
        Settings.read({}, {}, str(file))
    with pytest.raises(SettingError, match="--config"):
        Settings.read({}, {}, str(tmp_path / "missing.toml"))


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"lease = " + b"9" * 5000, b"jobs = " + b"[" * 5000])
def test_a_file_that_is_no_toml_at_all_is_one_line(text: bytes, tmp_path: Path) -> None:
    file = tmp_path / "relay.toml"
    file.write_bytes(text)
    with pytest.raises(SettingError, match="--config") as caught:
        Settings.read({}, {}, str(file))
    assert "\n" not in str(caught.value)


def test_every_setting_says_what_it_is_and_every_number_what_it_counts() -> None:
    for name, _, default, about in fields():
        assert about, name
        is_number = isinstance(default, int | float) and not isinstance(default, bool)
        assert (unit(name) in ("seconds", "bytes", "count")) is is_number, name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("RELAY_MAX_WIAT", "there is no setting RELAY_MAX_WIAT: did you mean RELAY_MAX_WAIT?"),
        ("RELAY_HEART_BEAT", "there is no setting RELAY_HEART_BEAT: did you mean RELAY_HEARTBEAT?"),
        ("RELAY_CONFG", "there is no setting RELAY_CONFG: did you mean RELAY_CONFIG?"),
        ("RELAY_UNHEARD_OF", "there is no setting RELAY_UNHEARD_OF"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_nearest_one(name: str, said: str) -> None:
    with pytest.raises(SettingError) as refused:
        variables.check({"PATH": "", "RELAY_GRACE": "1", name: "1"})
    assert str(refused.value) == said


@pytest.mark.parametrize(
    "name",
    ["RELAY_CONFIG", "RELAY_ROLE", "RELAY_URL", "RELAY_ADMIN_URL", "RELAY_OPERATOR_TOKEN", "RELAY_MAX_WAIT",
     "_RELAY_CHILD", "RELAYED", "MY_RELAY_GRACE",
     "RELAY_PORT", "RELAY_SERVICE_HOST", "RELAY_SERVICE_PORT_HTTP", "RELAY_PORT_8080_TCP_ADDR"],
)  # fmt: skip
def test_variables_of_others_are_none_of_its_business(name: str) -> None:
    """Kubernetes makes some of them, where a service is called relay."""
    variables.check({name: "1"})


@pytest.mark.parametrize("text", ["webhook_secret", "=whsec_hidden", "Upper=whsec_hidden"])
def test_a_wrong_value_for_handlers_is_not_shown(text: str) -> None:
    with pytest.raises(SettingError, match="NAME=VALUE") as refused:
        Settings.read({"set": [text]}, {})
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["redis://:hid#den@host", "redis://user:hidden", "redis://[hidden", "redis://h/hidden",
     "http://:hidden@host", "hidden", "unix:hidden"],
)  # fmt: skip
def test_a_wrong_url_of_redis_is_not_shown(url: str) -> None:
    with pytest.raises(AddressError) as refused:
        Address.parse(url)
    assert "hid" not in str(refused.value)
    assert "den" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('redis = "redis://:x@host"', "redis"),
        ('set = ["webhook_url=http://x", "webhook_secret=x"]', "webhook_secret"),
        ('set = ["facebook_token=x"]', "facebook_token"),
    ],
)
def test_a_file_with_secrets_is_not_for_all_to_read(tmp_path: Path, text: str, name: str) -> None:
    file = tmp_path / "relay.toml"
    file.write_text(text)
    file.chmod(0o644)
    with pytest.raises(SettingError, match=rf"secrets \({name}\)"):
        Settings.read({}, {}, str(file))
    file.chmod(0o640)
    Settings.read({}, {}, str(file))
    file.write_text('grace = 1\nredis = "redis://host"')
    file.chmod(0o644)
    Settings.read({}, {}, str(file))
