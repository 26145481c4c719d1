"""A production process refuses to start with settings that put data at risk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

SECURE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "Zk3vR8qWm1xT5yB7nC9dF2gH4jL6pS0aUeIoXw",
    "SECRET_STORE_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "ALLOWED_HOSTS": "energy.example.com",
    "PUBLIC_URL": "https://energy.example.com",
    "MQTT_HOST": "broker.example.com",
    "MQTT_USERNAME": "platform",
    "MQTT_TLS": "true",
}


def start(changes: dict[str, str | None]) -> subprocess.CompletedProcess[str]:
    """Load the settings in a process that knows these variables only; None removes one."""
    variables = {"PATH": os.environ["PATH"], **SECURE, **changes}
    environment = {name: value for name, value in variables.items() if value is not None}
    return subprocess.run(
        [sys.executable, "-c", "import energy.settings"],
        env=environment,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_starts_with_secure_settings():
    assert start({}).returncode == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY has 0 characters"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY has 5 characters, at least 32 are needed"),
        ({"SECRET_KEY": "change-me-change-me-change-me-change-me"}, "sample value"),
        ({"SECRET_KEY": "a" * 40}, "sample value"),
        ({"DEBUG": "true"}, "DEBUG is on"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is empty"),
        ({"ALLOWED_HOSTS": "energy.example.com,*"}, "ALLOWED_HOSTS is empty or contains '*'"),
        ({"PUBLIC_URL": "http://energy.example.com"}, "PUBLIC_URL is not https"),
        ({"CSRF_TRUSTED_ORIGINS": "http://energy.example.com"}, "an origin that is not https"),
        ({"CSRF_TRUSTED_ORIGINS": "https://*"}, "or '*'"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "anybody could choose an address"),
        ({"TRUSTED_PROXIES": "proxy.example.com"}, "TRUSTED_PROXIES has 'proxy.example.com'"),
        ({"SECRET_STORE_KEYS": ""}, "SECRET_STORE_KEYS is empty"),
        ({"SECRET_STORE_KEYS": "k1:short"}, "must be id:key"),
        ({"MQTT_USERNAME": ""}, "anonymous MQTT is refused"),
        ({"MQTT_TLS": "false"}, "MQTT_TLS is off towards a remote broker"),
        ({"FIRMWARE_KEYS": "house:nokey"}, "FIRMWARE_KEYS: 'house': The key is neither PEM nor"),
        ({"ENVIRONMENT": "staging"}, "use development or production"),
    ],
)
def test_refuses(changes: dict[str, str], reason: str):
    finished = start(changes)

    assert finished.returncode != 0
    assert reason in finished.stderr


def test_names_every_reason_at_once():
    finished = start({"DEBUG": "true", "MQTT_USERNAME": "", "ALLOWED_HOSTS": "*"})

    for reason in ("DEBUG", "ALLOWED_HOSTS", "MQTT_USERNAME"):
        assert reason in finished.stderr


def test_production_is_the_default():
    finished = start({"ENVIRONMENT": None, "DEBUG": "true"})

    assert "Refusing to start in production" in finished.stderr


def test_a_local_broker_needs_no_encryption():
    assert start({"MQTT_TLS": "false", "MQTT_HOST": "127.0.0.1"}).returncode == 0


def test_a_secret_may_stand_in_a_file(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("short")

    finished = start({"SECRET_KEY": "", "SECRET_KEY_FILE": str(secret)})

    assert "SECRET_KEY has 5 characters" in finished.stderr
