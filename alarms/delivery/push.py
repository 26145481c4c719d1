"""Alarms pushed to browsers: encrypted by RFC 8291, signed by RFC 8292 (VAPID).

Two dozen lines over `cryptography`: libraries for it send by themselves, past the guard of
`energy.lib.outbound`, and browsers choose the addresses.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

from alarms.delivery.letter import Letter
from alarms.delivery.outcome import NotTaken, Outcome, Refused, Send
from alarms.delivery.webhook import rules
from alarms.models import NotificationMessage, PushSubscription
from energy.lib.outbound import OutboundFailed, OutboundRefused, Request, Rules, fetch
from energy.lib.sealing import CannotUnseal, Purpose, derive_key, unseal

KEEP_SECONDS = 86_400  # how long the push service keeps what it cannot deliver
TIMEOUT_SECONDS = 8.0
_RECORD_BYTES = 4096
_MAX_TEXT = 1500  # bytes; services take 4,096 in all
_GONE = frozenset({404, 410})
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class BadKeys(ValueError):
    """What a browser has sent are no keys."""


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a push goes; keys in base64url."""

    id: str
    endpoint: str
    p256dh: str
    auth: str


def push_rules() -> Rules:
    """Return what may be called: as for webhooks, in less time."""
    return dataclasses.replace(rules(), timeout_seconds=TIMEOUT_SECONDS)


def prepare(message: NotificationMessage, letter: Letter) -> Send:
    """Return what pushes to all browsers of a person; it touches no database."""
    rows = PushSubscription.objects.filter(person=message.target.person_id)
    rows = rows.exclude(id__in=message.reached).order_by("created_at", "id")
    browsers = [browser for row in rows if (browser := _browser(row)) is not None]
    if not browsers and not message.reached:
        return partial(_nobody)
    return partial(_send, browsers, payload(letter), letter.severity)


def payload(letter: Letter) -> bytes:
    """Return what the service worker shows."""
    text = letter.as_text().encode()[:_MAX_TEXT].decode(errors="ignore")
    return json.dumps(
        {
            "id": str(letter.id), "title": letter.subject[:200], "body": text,
            "url": letter.link, "severity": letter.severity, "lang": letter.language,
        },
        ensure_ascii=False,
    ).encode()  # fmt: skip


def encrypt(plain: bytes, p256dh: str, auth: str, *, own: Any = None, salt: bytes = b"") -> bytes:
    """Return the body by RFC 8291, one record.

    Args: own: the sender's key and `salt`: for the example of the RFC; else they are new.
    Raises: BadKeys.
    """
    theirs, secret = check_keys(p256dh, auth)
    own = own or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    mine = _point(own.public_key())
    info = b"WebPush: info\0" + _point(theirs) + mine
    shared = _derive(own.exchange(ec.ECDH(), theirs), secret, info, 32)
    key = _derive(shared, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(shared, salt, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(key).encrypt(nonce, plain + b"\x02", None)
    return salt + _RECORD_BYTES.to_bytes(4, "big") + bytes([len(mine)]) + mine + sealed


def check_keys(p256dh: str, auth: str) -> tuple[ec.EllipticCurvePublicKey, bytes]:
    """Return the keys of a browser. Raises: BadKeys."""
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64(p256dh))
        secret = unbase64(auth)
    except (ValueError, binascii.Error) as error:
        raise BadKeys("The keys of the browser cannot be read.") from error
    if len(secret) != 16:
        raise BadKeys("The keys of the browser cannot be read.")
    return point, secret


def application_key() -> str:
    """Return the public key that browsers subscribe with, base64url."""
    return base64url(_point(_private_key(settings.WEB_PUSH_KEY).public_key()))


def authorization(endpoint: str, *, now: float) -> str:
    """Return the header that says who pushes (VAPID)."""
    parts = urlsplit(endpoint)
    head = _json({"typ": "JWT", "alg": "ES256"})
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}", "exp": int(now) + 12 * 3600,
        "sub": settings.PUBLIC_URL if settings.PUBLIC_URL.startswith("https:") else
        "mailto:no-reply@localhost",
    }  # fmt: skip
    signed = f"{head}.{_json(claims)}"
    key = _private_key(settings.WEB_PUSH_KEY)
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    token = f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"vapid t={token}, k={application_key()}"


def _send(browsers: Sequence[Browser], plain: bytes, severity: str) -> Outcome:
    """Push to each; what is noted as reached is not pushed to again."""
    reached, gone, errors = [], [], []
    for browser in browsers:
        try:
            if _push(browser, plain, severity):
                reached.append(browser.id)
            else:
                gone.append(browser.id)
        except NotTaken as late:
            errors.append(str(late))
    error = "; ".join(errors)[:500]
    if not reached and not errors:
        error = "No browser takes pushes any more."
    return Outcome(error=error, is_final=not errors and bool(error), gone=tuple(gone),
                   reached=tuple(reached))  # fmt: skip


def _push(browser: Browser, plain: bytes, severity: str) -> bool:
    """Push; False if the browser is gone. Raises: NotTaken."""
    headers = {
        "Authorization": authorization(browser.endpoint, now=time.time()),
        "Content-Encoding": "aes128gcm", "Content-Type": "application/octet-stream",
        "TTL": str(KEEP_SECONDS), "Urgency": "high" if severity == "critical" else "normal",
    }  # fmt: skip
    try:
        body = encrypt(plain, browser.p256dh, browser.auth)
        answer = fetch(browser.endpoint, Request("POST", headers, body), push_rules())
    except (BadKeys, OutboundRefused):
        return False
    except OutboundFailed as error:
        raise NotTaken(str(error)) from error
    if answer.status in _GONE:
        return False
    if not 200 <= answer.status < 300:
        raise NotTaken(f"The push service answered {answer.status}.")
    return True


def _nobody() -> Outcome:
    raise Refused("No browser is subscribed.")


def _browser(row: PushSubscription) -> Browser | None:
    try:
        p256dh, auth = json.loads(unseal(row.keys, purpose=Purpose.PUSH_SUBSCRIPTION))
    except CannotUnseal:
        return None
    return Browser(str(row.id), row.endpoint, p256dh, auth)


@lru_cache(maxsize=2)
def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    secret = unbase64(text) if text else derive_key("web push")
    number = int.from_bytes(secret, "big") % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(number, ec.SECP256R1())


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=salt, info=info).derive(secret)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _json(value: dict[str, Any]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def base64url(data: bytes) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unbase64(text: str) -> bytes:
    """Return the bytes of base64url, with or without padding. Raises: ValueError."""
    return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
