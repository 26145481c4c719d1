"""S39: with the settings of docs/how-to/production.md, Django and we have nothing to say."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_STORE_KEYS": "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "SECRET_KEY": "Zk3vR8qWm1xT5yB7nC9dF2gH4jL6pS0aUeIoXwQ-_Kd3Vr8qYm1xT5",
    "ALLOWED_HOSTS": "energy.example.com",
    "CSRF_TRUSTED_ORIGINS": "https://energy.example.com",
    "PUBLIC_URL": "https://energy.example.com",
    "TRUSTED_PROXIES": "127.0.0.1/32",
    "MQTT_HOST": "broker.example.com",
    "MQTT_USERNAME": "platform",
    "MQTT_PASSWORD": "uRk2-dq9Wm1xT5yB7nC9",
    "MQTT_TLS": "true",
    "MQTT_CA_FILE": "/etc/energy/ca.crt",
    "METRICS_TOKEN": "mT8-vR8qWm1xT5yB7nC9dF2gH4jL6pS0",
    "EMAIL_URL": "smtp://user:password@mail.example.com:587",
}
SERVERS = {"PATH", "DATABASE_URL", "REDIS_DURABLE_URL", "REDIS_EPHEMERAL_URL"}


def manage(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process that knows the settings of production only."""
    kept = {name: value for name, value in os.environ.items() if name in SERVERS}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env=kept | PRODUCTION | changes,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_check_deploy_is_clean():
    finished = manage("check", "--deploy", "--fail-level", "WARNING")

    assert finished.returncode == 0, finished.stderr
    assert "no issues" in finished.stdout


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"METRICS_TOKEN": ""}, "energy.W012"),
        ({"TRUSTED_PROXIES": ""}, "energy.W018"),
        ({"METRICS_TOKEN": PRODUCTION["SECRET_KEY"]}, "energy.E003"),
        ({"SECURE_SSL_REDIRECT": "false"}, "security.W008"),
    ],
)
def test_check_deploy_names_what_is_missing(change: dict[str, str], expected: str):
    finished = manage("check", "--deploy", "--fail-level", "WARNING", **change)

    assert finished.returncode != 0
    assert expected in finished.stderr


def test_cookies_are_bound_to_the_host_and_to_tls():
    names = ("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE",
             "CSRF_COOKIE_SECURE", "LANGUAGE_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY",
             "SESSION_COOKIE_DOMAIN", "SESSION_COOKIE_PATH")  # fmt: skip
    printed = ", ".join(f"settings.{name}" for name in names)

    finished = manage("shell", "-c", f"from django.conf import settings; print({printed})")

    assert finished.stdout.split()[-8:] == [
        "__Host-session", "__Host-csrf", "True", "True", "True", "True", "None", "/",
    ]  # fmt: skip
