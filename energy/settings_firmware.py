"""Firmware: whose signatures count, and how large images may be; a part of energy.settings."""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured

from devices.firmware.keys import BadKey, read_public_key
from energy.lib.env import read_environment

_env = read_environment()

# name:base64 of an Ed25519 public key, comma separated; these vendors count for every tenant,
# and only they for what platform staff publish to all
FIRMWARE_KEYS = _env.list("FIRMWARE_KEYS", default=[])
for _entry in FIRMWARE_KEYS:  # a process that starts with a bad one would fail at the first upload
    _name, _colon, _text = _entry.partition(":")
    try:
        read_public_key(_text)
    except BadKey as _error:
        raise ImproperlyConfigured(f"FIRMWARE_KEYS: {_name or _entry!r}: {_error}") from None
# `manage.py firmware_upload` takes these; over the web REQUEST_MAX_BYTES is the bound
FIRMWARE_MAX_BYTES = _env.int("FIRMWARE_MAX_BYTES", default=32 * 1024 * 1024)
# requests of one device for its image in sixty seconds
FIRMWARE_REQUESTS_PER_MINUTE = _env.int("FIRMWARE_REQUESTS_PER_MINUTE", default=30)
