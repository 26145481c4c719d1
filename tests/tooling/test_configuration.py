"""What the servers are told; these facts decide whether acknowledged data can be lost."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tools.embedded.mosquitto import config_for, dynsec_seed
from tools.embedded.postgres import settings_for
from tools.embedded.redis_server import settings_for as redis_settings_for


def parse_lines(text: str) -> list[tuple[str, str]]:
    pairs = (line.partition(" ") for line in text.splitlines() if line)
    return [(key, value) for key, _, value in pairs]


@pytest.fixture
def mosquitto_settings():
    text = config_for(Path("/data"), Path("/lib/dynsec.so"), port=1883, tls_port=8883)
    return parse_lines(text)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("per_listener_settings", "false"),
        ("allow_anonymous", "false"),
        ("persistence", "true"),
        ("autosave_interval", "1"),
        ("autosave_on_changes", "false"),
        ("max_inflight_messages", "0"),
        ("max_queued_messages", "1000000000"),
        ("max_packet_size", "1114112"),
        ("plugin", "/lib/dynsec.so"),
        ("plugin_opt_config_file", "/data/dynsec.json"),
    ],
)
def test_the_broker_neither_loses_nor_lets_in_silently(mosquitto_settings, key, value):
    assert (key, value) in mosquitto_settings


def test_the_tls_listener_takes_the_identity_from_the_certificate(mosquitto_settings):
    start = mosquitto_settings.index(("listener", "8883 127.0.0.1"))
    tls = dict(mosquitto_settings[start:])

    assert tls["require_certificate"] == "true"
    assert tls["use_identity_as_username"] == "true"
    assert tls["use_username_as_clientid"] == "true"
    assert tls["crlfile"] == "/data/ca.crl"
    assert tls["tls_version"] == "tlsv1.2"


def test_both_listeners_are_local(mosquitto_settings):
    listeners = [value for key, value in mosquitto_settings if key == "listener"]

    assert listeners == ["1883 127.0.0.1", "8883 127.0.0.1"]


def test_the_broker_knows_only_the_platform_and_denies_by_default():
    seed = json.loads(dynsec_seed("pw", salt=b"0" * 12))

    assert [client["username"] for client in seed["clients"]] == ["platform"]
    denied = {key for key, allowed in seed["defaultACLAccess"].items() if not allowed}
    assert denied == {"publishClientSend", "publishClientReceive", "subscribe"}


def test_the_broker_gets_a_salted_hash_not_the_password():
    [client] = json.loads(dynsec_seed("pw", salt=b"0" * 12))["clients"]

    digest = hashlib.pbkdf2_hmac("sha512", b"pw", b"0" * 12, client["iterations"], 64)
    assert base64.b64decode(client["password"]) == digest


def test_the_durable_redis_writes_before_it_answers():
    text = redis_settings_for("redis_durable", port=1, password="pw", folder=Path("/data"))

    settings = dict(parse_lines(text))
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "always"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["requirepass"] == "pw"


def test_the_ephemeral_redis_writes_nothing_and_evicts():
    text = redis_settings_for("redis_ephemeral", port=1, password="pw", folder=Path("/data"))

    settings = dict(parse_lines(text))
    assert (settings["appendonly"], settings["save"]) == ("no", '""')
    assert settings["maxmemory-policy"] == "volatile-lru"


def test_postgres_is_durable_unless_told_otherwise():
    durable, fast = settings_for(5432, durable=True), settings_for(5432, durable=False)

    assert not [part for part in durable if part.startswith(("fsync", "synchronous_commit"))]
    assert "fsync=off" in fast
    assert {"shared_buffers=256MB", "max_connections=100", "max_wal_size=4GB"} <= set(durable)
