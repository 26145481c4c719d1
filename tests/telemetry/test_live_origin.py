"""Which pages may open a socket."""

from __future__ import annotations

import pytest

from telemetry.live.origin import is_allowed_origin


@pytest.mark.parametrize(
    ("public_url", "origin", "host", "allowed"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000", "anything", True),
        ("http://127.0.0.1:8000", "http://localhost:9000", "localhost:9000", True),
        ("http://127.0.0.1:8000", "http://LOCALHOST:9000", "localhost:9000", True),
        ("http://127.0.0.1:8000", "http://localhost:9001", "localhost:9000", False),
        ("http://127.0.0.1:8000", "http://evil.example", "localhost:9000", False),
        ("http://127.0.0.1:8000", "http://evil.example", "evil.example", False),
        ("http://127.0.0.1:8000", "http://localhost.evil.example", "localhost", False),
        ("http://127.0.0.1:8000", "null", "localhost", False),
        ("http://127.0.0.1:8000", "", "", False),
        ("http://127.0.0.1:8000", "http://[", "localhost", False),
        ("https://energy.example", "https://energy.example", "127.0.0.1:8000", True),
        ("https://energy.example", "http://localhost", "localhost", False),
        ("https://energy.example", "https://partner.example", "localhost", True),
    ],
)
def test_an_origin_must_be_ours(settings, public_url, origin, host, allowed):
    settings.PUBLIC_URL = public_url
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://partner.example"]
    headers = [(b"origin", origin.encode()), (b"host", host.encode())]

    assert is_allowed_origin({"headers": headers}) is allowed


def test_programs_send_none():
    assert is_allowed_origin({"headers": [(b"host", b"localhost")]})
