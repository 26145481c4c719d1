"""Typed readers of environment variables.

Every variable `X` may instead be given as `X_FILE`, the path of a file that holds
the value, so that secrets need not stand in the environment.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Any

import environ

MINIMUM_SECRET_LENGTH = 32


class InsecureSettings(RuntimeError):
    """The process refuses to start with this configuration."""


def read_environment() -> environ.FileAwareEnv:
    """Return the reader; values come from the process environment, then from `X_FILE`."""
    return environ.FileAwareEnv()


def load_env_file(path: Path) -> None:
    """Read KEY=VALUE lines of a `.env` file; variables that are already set win."""
    if path.exists():
        environ.Env.read_env(path, overwrite=False)


def require_secret(name: str, value: str) -> str:
    """Return a secret that is long enough and not a sample value.

    Raises:
        InsecureSettings: shorter than 32 characters, or copied from the example file.
    """
    if len(value) < MINIMUM_SECRET_LENGTH:
        raise InsecureSettings(
            f"{name} has {len(value)} characters, at least {MINIMUM_SECRET_LENGTH} are needed. "
            'Make one: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        )
    if "change-me" in value or len(set(value)) < 8:
        raise InsecureSettings(f"{name} is a sample value. Set a random one of your own.")
    return value


def require_networks(name: str, values: list[str]) -> list[str]:
    """Return networks such as 10.0.0.0/8; none of them may be the whole internet.

    Raises:
        InsecureSettings: not a network, with bits beyond its mask, or /0.
    """
    for value in values:
        try:
            network = ipaddress.ip_network(value)
        except ValueError as error:
            raise InsecureSettings(f"{name} has {value!r}: {error}.") from error
        if network.prefixlen == 0:
            raise InsecureSettings(f"{name} has {value!r}: anybody could choose an address.")
    return values


def refuse_insecure_production(
    *,
    debug: bool,
    allowed_hosts: list[str],
    public_url: str,
    trusted_origins: list[str],
    secret_store_keys: str,
    mqtt_username: str,
    mqtt_tls: bool,
    mqtt_host: str,
) -> None:
    """Raise `InsecureSettings` with every reason why production must not start like this."""
    problems = {
        "DEBUG is on; unset it": debug,
        "ALLOWED_HOSTS is empty or contains '*'; list the host names": (
            not allowed_hosts or "*" in allowed_hosts
        ),
        "PUBLIC_URL is not https; cookies would travel in clear": (
            not public_url.startswith("https://")
        ),
        "CSRF_TRUSTED_ORIGINS has an origin that is not https, or '*'": any(
            not origin.startswith("https://") or "://*" in origin for origin in trusted_origins
        ),
        "SECRET_STORE_KEYS is empty; second factors and other secrets need keys of their own": (
            not secret_store_keys
        ),
        "MQTT_USERNAME is empty; anonymous MQTT is refused": not mqtt_username,
        "MQTT_TLS is off towards a remote broker": not mqtt_tls and not is_local_host(mqtt_host),
    }
    reasons = [text for text, wrong in problems.items() if wrong]
    if reasons:
        raise InsecureSettings("Refusing to start in production: " + "; ".join(reasons) + ".")


def choose_languages(known: dict[str, Any], enabled: list[str]) -> list[tuple[str, Any]]:
    """Return the enabled languages with their names, English always.

    Raises:
        ValueError: a language that no catalogue was begun for.
    """
    unknown = [code for code in enabled if code not in known]
    if unknown:
        raise ValueError(f"LANGUAGES_ENABLED has {unknown}; known are {', '.join(known)}.")
    return [(code, name) for code, name in known.items() if code in enabled or code == "en"]


def is_local_host(host: str) -> bool:
    """Tell whether a host name means this machine."""
    return host in {"localhost", "127.0.0.1", "::1"}


def is_set(name: str) -> bool:
    """Tell whether a variable has a value, directly or through its `_FILE` form."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))
