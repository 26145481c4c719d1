"""Pushes to browsers: encrypted as browsers decrypt them, signed, and only to public addresses."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ValidationError

from alarms.delivery.notifier import Notifier
from alarms.delivery.push import application_key, authorization, base64url, encrypt, unbase64
from alarms.models import NotificationMessage, NotificationTarget, PushSubscription
from alarms.services.notify_reading import MAX_SUBSCRIPTIONS, subscribe, unsubscribe
from tests.alarms.making import open_alarm
from tests.alarms.receivers import Receiver
from tests.alarms.test_notify_planning import route, target
from tests.factories import NOW

pytestmark = pytest.mark.django_db


class Browser:
    """What a browser keeps: a private key and a secret, by RFC 8291."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = b"0123456789abcdef"

    @property
    def point(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def keys(self) -> dict[str, str]:
        return {"p256dh": base64url(self.point), "auth": base64url(self.secret)}

    def decrypt(self, body: bytes) -> bytes:
        salt, size, sender = body[:16], body[20], body[21 : 21 + body[20]]
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        info = b"WebPush: info\0" + self.point + sender
        shared = derive(self.key.exchange(ec.ECDH(), public), self.secret, info, 32)
        key = derive(shared, salt, b"Content-Encoding: aes128gcm\0", 16)
        nonce = derive(shared, salt, b"Content-Encoding: nonce\0", 12)
        plain = AESGCM(key).decrypt(nonce, body[21 + size :], None)
        assert plain.endswith(b"\x02")
        return plain[:-1]


def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt=salt, info=info).derive(secret)


@pytest.fixture
def service(settings):
    settings.NOTIFY_WEBHOOK_SCHEMES = ("http",)
    settings.NOTIFY_NETWORKS = ["127.0.0.0/8"]
    with Receiver(status=201) as found:
        yield found


def subscribed(team, browser, url, label="Firefox"):
    with team.scope():
        return subscribe(team.owner, endpoint=url, label=label, **browser.keys())


def run(now=NOW):
    notifier = Notifier()
    while notifier.round(now=now, wait_seconds=5) or notifier.is_sending:
        pass
    notifier.close(seconds=0)


def alarms(team):
    with team.scope():
        return NotificationMessage.objects.get(kind="alarms")


@pytest.fixture
def pushed(red):
    mine = target(red, "Mine", kind="web_push", person=red.owner, address="")
    route(red, (0, mine))
    return mine


def test_the_example_of_the_rfc_is_encrypted_as_it_says():
    own = ec.derive_private_key(
        int.from_bytes(unbase64("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"),
        ec.SECP256R1(),
    )

    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg", own=own, salt=unbase64("DGv6ra1nlYgDCS1FRnbzlw"),
    )  # fmt: skip

    assert base64url(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS"
        "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qu"
        "lcy4a-fN"
    )


def test_who_pushes_is_signed_for_the_push_service():
    header = authorization("https://push.example.com/a/b?c", now=1_000_000)

    token, key = header.removeprefix("vapid t=").split(", k=")
    head, claims, signature = token.split(".")
    raw = unbase64(signature)
    der = utils.encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    )
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64(key))
    public.verify(der, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    assert key == application_key()
    told = json.loads(unbase64(claims))
    assert (told["aud"], told["exp"]) == ("https://push.example.com", 1_043_200)


def test_a_browser_gets_what_it_can_decrypt(red, service, pushed):
    browser = Browser()
    subscribed(red, browser, service.url)
    alarm = open_alarm(red, "a", title="Too hot", severity="critical", text="253 V " * 150)

    run()

    (post,) = service.posts
    assert post.headers["content-encoding"] == "aes128gcm"
    assert post.headers["urgency"] == "high"
    assert int(post.headers["ttl"]) > 0
    assert len(post.body) <= 4096
    told = json.loads(browser.decrypt(post.body))
    assert told["title"] == "Critical: Too hot – a"
    assert told["url"].endswith(f"/alarms/{alarm.id}/")
    assert told["id"] == str(alarms(red).id)
    assert alarms(red).state == "sent"


def test_browsers_that_are_gone_are_forgotten(red, service, pushed):
    service.status = 410
    subscribed(red, Browser(), service.url)
    open_alarm(red, "a")

    run()

    assert alarms(red).state == "dead"
    with red.scope():
        assert not PushSubscription.objects.exists()


def test_only_browsers_that_were_not_reached_are_tried_again(red, service, pushed):
    subscribed(red, Browser(), service.url)
    with Receiver(status=503) as broken:
        second = Browser()
        subscribed(red, second, broken.url, label="Chrome")
        open_alarm(red, "a")
        run()
        broken.status = 201
        run(LATER)

        assert len(broken.posts) == 2
    assert len(service.posts) == 1
    assert alarms(red).state == "sent"


LATER = NOW.replace(minute=1)


@pytest.mark.parametrize(
    "endpoint",
    ["https://127.0.0.1/x", "http://push.example.com/", "https://10.0.0.1/", "https://[::1]/"],
)
def test_a_browser_cannot_name_an_address_that_is_not_public(red, endpoint):
    with pytest.raises(ValidationError):
        subscribed(red, Browser(), endpoint)


def test_keys_that_are_none_are_refused(red):
    with red.scope(), pytest.raises(ValidationError):
        subscribe(
            red.owner, endpoint="https://push.example.com/", p256dh="AAAA", auth="AAAA", label=""
        )


def test_keys_are_sealed_and_the_oldest_browser_makes_room(red):
    for number in range(MAX_SUBSCRIPTIONS + 1):
        subscribed(red, Browser(), f"https://push.example.com/{number}")

    with red.scope():
        rows = list(PushSubscription.objects.order_by("created_at", "id"))
    assert len(rows) == MAX_SUBSCRIPTIONS
    assert all(row.keys.startswith("v1.") for row in rows)
    assert rows[0].endpoint.endswith("/1")


def test_nobody_ends_the_browser_of_somebody_else(red):
    made = subscribed(red, Browser(), "https://push.example.com/")

    with red.scope():
        assert not unsubscribe(red.operator, made.id)
        assert unsubscribe(red.owner, made.id)


def test_base64url_is_read_with_and_without_padding():
    assert unbase64("YQ") == unbase64("YQ==") == base64.b64decode("YQ==")


def test_who_asks_for_pushes_still_gets_mails_and_notes(red):
    subscribed(red, Browser(), "https://push.example.com/")

    with red.scope():
        mine = NotificationTarget.objects.filter(person=red.owner, is_active=True)
        kinds = set(mine.values_list("kind", flat=True))
    assert kinds == {"email", "in_app", "web_push"}
