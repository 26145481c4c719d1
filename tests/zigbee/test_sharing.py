"""A pairing token works once, for one person, at one gateway, for a time."""

import datetime as dt

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from accounts.models import AuditEvent
from devices.claim_codes import is_strong
from devices.models import GatewayShareToken
from devices.services.guesses import TooManyTries
from devices.services.zigbee import ZigbeeGone
from devices.services.zigbee_sharing import (
    BadMinutes,
    GrantOver,
    ShareRefused,
    create_share_token,
    decide_by_grant,
    find_pairing,
    permit_join_by_grant,
    redeem_share_token,
    revoke_share_token,
)
from tests.zigbee.conftest import SENSOR, Zigbee, plug, sensor

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_guesses():
    cache.clear()


@pytest.fixture
def zigbee(zigbee) -> Zigbee:
    zigbee.at = timezone.now()
    zigbee.start(plug())
    return zigbee


@pytest.fixture
def token(zigbee):
    with zigbee.team.scope():
        return create_share_token(
            gateway_id=zigbee.gateway.id, minutes=60, made_by=zigbee.team.owner, now=zigbee.at
        )


def redeem(code, person, now, who="person:1"):
    return redeem_share_token(code=code, person=person, guesser=[who], now=now)


def test_the_secret_is_strong_and_not_kept(token):
    secret = token.code.partition(".")[2]

    assert is_strong(secret) and len(secret) == 26
    assert secret not in repr(token)
    assert secret not in str(vars(token.token))


def test_it_is_redeemed_once(zigbee, token, blue):
    grant = redeem(token.code, blue.owner, zigbee.at)

    assert grant.grant_ends_at == zigbee.at + HOUR
    for person in (blue.owner, blue.operator):
        with pytest.raises(ShareRefused):
            redeem(token.code, person, zigbee.at)
    with zigbee.team.scope():
        actions = AuditEvent.objects.filter(action__startswith="zigbee.share")
        assert sorted(actions.values_list("action", flat=True)) == [
            "zigbee.share_created", "zigbee.share_redeemed",
        ]  # fmt: skip


def test_it_expires(zigbee, token, blue):
    with pytest.raises(ShareRefused):
        redeem(token.code, blue.owner, zigbee.at + 24 * HOUR)


def test_five_wrong_codes_end_it(zigbee, token, blue):
    wrong = token.code[:-1] + ("A" if token.code[-1] != "A" else "B")
    for number in range(5):
        with pytest.raises(ShareRefused):
            redeem(wrong, blue.owner, zigbee.at, who=f"person:{number}")

    with pytest.raises(ShareRefused):
        redeem(token.code, blue.owner, zigbee.at, who="person:9")


def test_a_person_may_not_guess_on(zigbee, blue):
    for _number in range(10):
        with pytest.raises(ShareRefused):
            redeem("x.y", blue.owner, zigbee.at)

    with pytest.raises(TooManyTries):
        redeem("x.y", blue.owner, zigbee.at)


@pytest.mark.parametrize("code", ["", ".", "x", "\0.\0", "a" * 5000, f"{'0' * 32}.abc"])
def test_nonsense_is_refused(zigbee, blue, code):
    with pytest.raises(ShareRefused):
        redeem(code, blue.owner, zigbee.at)


def test_a_grant_lets_devices_join_and_decides_about_what_joined_since(zigbee, token, blue):
    grant = redeem(token.code, blue.owner, zigbee.at + dt.timedelta(seconds=1))
    permit_join_by_grant(grant_id=grant.id, person=blue.owner, seconds=60, now=zigbee.at)
    item = sensor()
    data = {"ieee_address": SENSOR, "friendly_name": "Door", "status": "successful",
            "definition": item["definition"]}  # fmt: skip
    zigbee.say("bridge/event", {"type": "device_interview", "data": data}, seconds=10)

    seen = find_pairing(grant_id=grant.id, person=blue.owner, now=zigbee.at)
    assert [claim.ieee_address for claim in seen.claims] == [SENSOR]
    with pytest.raises(ZigbeeGone):  # it waited before
        decide_by_grant(
            grant_id=grant.id, claim_id=zigbee.claim().id, person=blue.owner, name="x",
            now=zigbee.at,
        )  # fmt: skip
    device = decide_by_grant(
        grant_id=grant.id, claim_id=zigbee.claim(SENSOR).id, person=blue.owner, name="Gate",
        now=zigbee.at,
    )  # fmt: skip

    assert device.tenant_id == zigbee.team.tenant.id
    assert [what for what, _content in zigbee.asked()] == ["permit_join"]


def test_a_grant_is_for_one_person_and_ends(zigbee, token, blue):
    grant = redeem(token.code, blue.owner, zigbee.at)

    for person, now in ((blue.operator, zigbee.at), (blue.owner, zigbee.at + HOUR)):
        with pytest.raises(GrantOver):
            permit_join_by_grant(grant_id=grant.id, person=person, seconds=60, now=now)
    with zigbee.team.scope():
        revoke_share_token(token_id=grant.id, now=zigbee.at)
    with pytest.raises(GrantOver):
        find_pairing(grant_id=grant.id, person=blue.owner, now=zigbee.at)


def test_a_suspended_owner_ends_it(zigbee, token, blue):
    grant = redeem(token.code, blue.owner, zigbee.at)
    zigbee.team.tenant.is_active = False
    zigbee.team.tenant.save()

    with pytest.raises(GrantOver):
        find_pairing(grant_id=grant.id, person=blue.owner, now=zigbee.at)


@pytest.mark.parametrize("minutes", [0, 4, 24 * 60 + 1, -5])
def test_a_grant_holds_a_day_at_most(zigbee, minutes):
    with zigbee.team.scope(), pytest.raises(BadMinutes):
        create_share_token(
            gateway_id=zigbee.gateway.id, minutes=minutes, made_by=None, now=zigbee.at
        )


def test_no_token_for_the_gateway_of_another_tenant(zigbee, blue):
    with blue.scope(), pytest.raises(ZigbeeGone):
        create_share_token(gateway_id=zigbee.gateway.id, minutes=60, made_by=None, now=zigbee.at)


def test_the_pages_of_a_grant(zigbee, stranger, client_for):
    """A person without any organisation pairs; the token is shown once."""
    owner = client_for(zigbee.team.owner)
    made = owner.post(reverse("zigbee-share", args=[zigbee.gateway.id]), {"minutes": "60"})
    code = made.context["secret"]
    assert code in made.content.decode()
    assert made.headers["Cache-Control"].startswith("max-age=0")
    assert "Not used yet" in owner.get(reverse("zigbee", args=[zigbee.gateway.id])).content.decode()

    browser = client_for(stranger)
    assert browser.post(reverse("zigbee-redeem"), {"code": "wrong"}).status_code == 400
    answer = browser.post(reverse("zigbee-redeem"), {"code": code})
    page = browser.get(answer.url)
    assert page.status_code == 200 and zigbee.gateway.name in page.content.decode()
    assert "Innr" not in page.content.decode()  # it waited before the grant began
    with zigbee.team.scope():
        grant = GatewayShareToken.objects.get()
    browser.post(reverse("zigbee-pairing-join", args=[grant.id]), {"do": "start"})
    assert [what for what, _content in zigbee.asked()] == ["permit_join"]

    other = client_for(zigbee.team.viewer)
    assert other.get(answer.url).status_code == 404
    assert other.post(reverse("zigbee-pairing-join", args=[grant.id])).status_code == 404
    decide = reverse("zigbee-pairing-decide", args=[grant.id, zigbee.claim().id])
    assert browser.post(decide, {"do": "accept"}).status_code == 404
