"""Real servers of one's own."""

from __future__ import annotations

import time

import paho.mqtt.client as mqtt
import psycopg
import pytest
import redis

from tools.embedded import Stack

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("stack"), durable=True) as running:
        yield running


def connect(stack: Stack) -> psycopg.Connection:
    return psycopg.connect(stack.env["DATABASE_URL"], autocommit=True)


def durable_redis(stack: Stack) -> redis.Redis:
    return redis.Redis.from_url(stack.env["REDIS_DURABLE_URL"], socket_timeout=5)


def test_a_killed_postgres_comes_back_with_what_was_committed(stack):
    with connect(stack) as database:
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    before = stack.pid("postgres")

    stack.kill("postgres")
    with pytest.raises(psycopg.OperationalError):
        connect(stack)
    stack.restart("postgres")

    assert stack.pid("postgres") != before
    with connect(stack) as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_killed_durable_redis_keeps_what_it_acknowledged(stack):
    entry = durable_redis(stack).xadd("stream", {"a": "b"})

    stack.kill("redis_durable")
    assert stack.pid("redis_durable") is None
    stack.restart("redis_durable")

    assert durable_redis(stack).xrange("stream") == [(entry, {b"a": b"b"})]


def test_the_durable_redis_says_that_it_is_durable(stack):
    client = durable_redis(stack)

    settings = client.config_get("append*") | client.config_get("maxmemory-policy")

    assert (settings["appendonly"], settings["appendfsync"]) == ("yes", "always")
    assert settings["maxmemory-policy"] == "noeviction"


def test_a_frozen_server_hangs_and_goes_on(stack):
    client = durable_redis(stack)
    stack.freeze("redis_durable")
    with pytest.raises(redis.TimeoutError):
        client.ping()

    stack.cont("redis_durable")

    assert client.ping()


def test_a_restarted_broker_lets_only_the_platform_in(stack):
    stack.restart("mosquitto")

    password = stack.env["MQTT_PASSWORD"]
    assert connect_to_broker(stack, "platform", password) == "Success"
    assert connect_to_broker(stack, "platform", "wrong") == "Not authorized"
    assert connect_to_broker(stack, "", "") == "Not authorized"


def test_the_tls_listener_accepts_certificates_of_its_authority_only(stack):
    certificate, key = stack.authority.issue_client("gw-1")

    assert connect_with_tls(stack, str(certificate), str(key)) == "Success"
    assert connect_with_tls(stack, None, None) == "refused"


def test_a_later_stack_on_the_same_folder_finds_its_data(tmp_path):
    with Stack(tmp_path, durable=False) as first, connect(first) as database:
        database.execute("CREATE TABLE kept AS SELECT 42 AS answer")

    with Stack(tmp_path, durable=False) as second, connect(second) as database:
        assert database.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_server_given_from_outside_is_not_started(tmp_path, stack):
    given = {"DATABASE_URL": stack.env["DATABASE_URL"], "MQTT_HOST": "broker.example"}

    with Stack(tmp_path, external=given) as partial:
        assert partial.pid("postgres") is None
        assert partial.pid("mosquitto") is None
        assert partial.pid("redis_durable") is not None
        assert partial.env["DATABASE_URL"] == given["DATABASE_URL"]


def connect_to_broker(stack: Stack, user: str, password: str) -> str:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    if user:
        client.username_pw_set(user, password)
    return outcome_of(client, int(stack.env["MQTT_PORT"]))


def connect_with_tls(stack: Stack, certificate: str | None, key: str | None) -> str:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.tls_set(stack.env["MQTT_CA_FILE"], certificate, key)
    return outcome_of(client, int(stack.env["MQTT_EXTERNAL_PORT"]))


def outcome_of(client: mqtt.Client, port: int) -> str:
    """Return the broker's word, or "refused" if it closed the connection without one."""
    answers: list[str] = []
    client.on_connect = lambda _c, _u, _f, reason, _p: answers.append(str(reason))
    try:
        client.connect("127.0.0.1", port)
        deadline = time.monotonic() + 60
        while not answers and time.monotonic() < deadline:
            if client.loop(0.1) != mqtt.MQTT_ERR_SUCCESS:
                break
    except OSError:
        return "refused"
    finally:
        client.disconnect()
    return answers[0] if answers else "refused"
