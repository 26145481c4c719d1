"""Requests in the forms of other products, which send a key where those expect one.

ThingsBoard's clients put it into the path, Emoncms' into `apikey`, InfluxDB's into
`Authorization: Token`, the password of Basic, or `p`.
"""

from __future__ import annotations

import base64
import binascii
import re

from django.http import HttpRequest
from django.utils import timezone

from accounts.credentials.api_key import HEADER, credential_of_key
from accounts.credentials.base import Credential, CredentialRefused

THINGSBOARD = re.compile(r"^/compat/tb/(?:api/)?v1/([^/]+)/")
COMPAT = "/compat/"
INFLUX_V1, INFLUX_V2 = "/write", "/api/v2/"
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def is_door(path: str) -> bool:
    """Tell whether a path is answered to programs of other products."""
    return path.startswith((COMPAT, INFLUX_V2)) or path == INFLUX_V1


def read_door_key(request: HttpRequest) -> Credential:
    """Return who sends a request to a door; nobody is let in without a key.

    Raises: CredentialRefused.
    """
    text = _sent_key(request)
    if not text:
        raise CredentialRefused("no_api_key", "Send an API key as the product's clients do.")
    return credential_of_key(text, now=timezone.now())


def _sent_key(request: HttpRequest) -> str:
    if found := THINGSBOARD.match(request.path):
        return found[1]
    if HEADER in request.headers:
        return request.headers[HEADER]
    scheme, _space, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in {"token", "bearer"}:
        return rest.strip()
    if scheme.lower() == "basic":
        return _password(rest)
    if request.path.startswith(COMPAT):
        sent = request.GET.get("apikey", "")
        if not sent and request.content_type in _FORMS:
            sent = request.POST.get("apikey", "")
        return sent
    return request.GET.get("p", "")


def _password(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""
