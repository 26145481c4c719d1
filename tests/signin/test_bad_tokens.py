"""S07: only what we signed, unchanged, for this use and in time, is an access token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.test import Client

from tests.signin.conftest import App

Change = Callable[[dict[str, Any]], dict[str, Any]]


def with_(**changes: Any) -> Change:
    """Return the claims with other values."""
    return lambda claims: claims | changes


def without(name: str) -> Change:
    """Return the claims but one."""
    return lambda claims: {key: value for key, value in claims.items() if key != name}


NOW = int(time.time())
SIGNED: dict[str, Change] = {
    "over": with_(exp=NOW - 1),
    "not yet": with_(nbf=NOW + 86_400),
    "issued in the future": with_(iat=NOW + 86_400),
    "of another issuer": with_(iss="https://evil.example"),
    "for another audience": with_(aud="billing"),
    "for two audiences": with_(aud=["api", "billing"]),
    "of type refresh": with_(type="refresh"),
    "of type session": with_(type="session"),
    "of no known type": with_(type="admin"),
    "another person's": with_(sub="0b5f0b9a-0000-4000-8000-000000000000"),
    "of a tenant that is not one's own": with_(tenant_id="0b5f0b9a-0000-4000-8000-000000000000"),
    "with a tenant that is no id": with_(tenant_id="' OR 1=1"),
    "of an older version": with_(ver=0),
    "of a version that is no number": with_(ver="1"),
    "of a version that is true": with_(ver=True),
    "of another session": with_(sid=base64.b64encode(b"x" * 48).decode()),
    "with a session that is no text": with_(sid=7),
    **{f"without {name}": without(name) for name in
       ("exp", "nbf", "iat", "iss", "aud", "type", "sub", "sid", "ver", "tenant_id", "jti")},
}  # fmt: skip


def claims_of(app: App) -> dict[str, Any]:
    """Return what the app's access token says."""
    claims: dict[str, Any] = jwt.decode(app.access, options={"verify_signature": False})
    return claims


def part(value: Any) -> str:
    """Encode a part of a token."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize("change", SIGNED.values(), ids=SIGNED)
def test_signed_but_wrong(signed_in: App, change: Change) -> None:
    token = jwt.encode(change(claims_of(signed_in)), settings.HEADLESS_JWT_PRIVATE_KEY, "HS256")
    assert signed_in.me(token).status_code == 401


def test_the_same_way_unchanged_is_right(signed_in: App) -> None:
    token = jwt.encode(claims_of(signed_in), settings.HEADLESS_JWT_PRIVATE_KEY, "HS256")
    assert signed_in.me(token).status_code == 200


def forgeries(app: App) -> dict[str, str]:
    """Return tokens with the right claims that we did not sign."""
    claims, good = claims_of(app), app.access
    key = settings.HEADLESS_JWT_PRIVATE_KEY
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head, body, signature = good.split(".")
    swapped = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{body}"
    by_pem = base64.urlsafe_b64encode(hmac.digest(pem, swapped.encode(), hashlib.sha256)).decode()
    return {
        "alg none": f"{part({'alg': 'none'})}.{body}.",
        "alg None": f"{part({'alg': 'None'})}.{body}.{signature}",
        "no signature": f"{head}.{body}.",
        "RS256": jwt.encode(claims, rsa_key, "RS256"),
        "HS256 with a public key": f"{swapped}.{by_pem.rstrip('=')}",
        "HS512": jwt.encode(claims, key, "HS512"),
        "SECRET_KEY": jwt.encode(claims, settings.SECRET_KEY, "HS256"),
        "empty key of kid": jwt.encode(claims, "\0", "HS256", headers={"kid": "../../dev/null"}),
        "unknown kid": jwt.encode(claims, key, "HS256", headers={"kid": "other"}),
        "kid of SQL": jwt.encode(claims, key, "HS256", headers={"kid": "x' UNION SELECT 'k"}),
        "kid that is a list": f"{part({'alg': 'HS256', 'kid': ['derived']})}.{body}.{signature}",
        "encrypted": f"{part({'alg': 'dir', 'enc': 'A256GCM'})}..{body}.{body}.{signature}",
        "HS256 in lower case": f"{part({'alg': 'hs256', 'typ': 'JWT'})}.{body}.{signature}",
        "jku": jwt.encode(claims, "x" * 40, "HS256", headers={"jku": "https://evil.example"}),
        "jwk": jwt.encode(claims, "x" * 40, "HS256", headers={"jwk": {"kty": "oct", "k": "eA"}}),
        "other body": f"{head}.{part(claims | {'exp': 9_999_999_999})}.{signature}",
        "refresh token": app.refresh,
        "session key": "x" * 32,
        "long": good + "A" * 9000,
        "empty": " ",
        "cut": good[:-10],
        "not base64": "a.b.c",
        "null": "null",
    }


def test_forged(signed_in: App) -> None:
    tokens = forgeries(signed_in)
    answers = {name: signed_in.me(token) for name, token in tokens.items()}
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        tokens, 401
    )
    bodies = {a.json()["detail"] for name, a in answers.items()}
    assert len(bodies) == 1, "nobody learns what was wrong"
    assert all("WWW-Authenticate" in answer for answer in answers.values())


def test_access_token_does_not_refresh(signed_in: App) -> None:
    assert signed_in.renew(signed_in.access).status_code == 401


def test_refresh_token_does_not_enter_the_flows_of_allauth(signed_in: App) -> None:
    path = "/_allauth/app/v1/auth/sessions"
    for header in ("Authorization", "X-Session-Token"):
        value = f"Bearer {signed_in.refresh}" if header == "Authorization" else signed_in.refresh
        assert Client().get(path, headers={header: value}).status_code in {401, 410}
    bearer = f"Bearer {signed_in.access}"
    assert Client().get(path, headers={"Authorization": bearer}).status_code == 200


def test_bad_token_is_not_passed_over_for_a_cookie(
    signed_in: App, client_for: Any, red: Any
) -> None:
    browser = client_for(red.owner)
    assert browser.get("/api/v1/me").status_code == 200
    assert browser.get("/api/v1/me", headers={"Authorization": "Bearer x"}).status_code == 401
    assert browser.get("/api/v1/me", headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_two_credentials(signed_in: App) -> None:
    answer = signed_in.me(**{"X-API-Key": "whatever"})
    assert (answer.status_code, answer.json()["code"]) == (400, "two_credentials")


def test_tenant_by_header(signed_in: App, red: Any, blue: Any) -> None:
    assert signed_in.me(**{"X-Tenant": str(red.tenant.pk)}).status_code == 200
    refused = signed_in.me(**{"X-Tenant": str(blue.tenant.pk)})
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant_not_allowed")
