"""Which pages may open a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host


def is_allowed_origin(scope: Mapping[str, Any]) -> bool:
    """Tell whether the Origin header is ours.

    Browsers always send one; without it the client is a program, which brings no
    cookies by accident. Allowed are PUBLIC_URL, the trusted origins, and the address
    under which this very request came, if ALLOWED_HOSTS has its name.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if b"origin" not in headers:
        return True
    origin = headers[b"origin"].decode("latin-1").lower()
    if origin == settings.PUBLIC_URL.lower() or origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    return _is_same_host(origin, headers.get(b"host", b"").decode("latin-1").lower())


def _is_same_host(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    schemes = {"https"} if settings.PUBLIC_URL.startswith("https://") else {"https", "http"}
    name, _ = split_domain_port(host)
    return (
        parts.scheme in schemes
        and parts.netloc == host != ""
        and validate_host(name, settings.ALLOWED_HOSTS)
    )
