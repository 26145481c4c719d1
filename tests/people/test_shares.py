"""Shares: a site or a device, a person or an organisation, for a time and no longer."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import User
from accounts.rbac.registry import CODES, SYSTEM_ROLES
from accounts.services.refusals import RoleTooStrong
from accounts.tenancy import all_tenants
from devices.queries_shares import list_shares
from devices.services.shares import (
    SHARE_MODELS,
    AlreadyShared,
    BadPeriod,
    NotShareable,
    UnknownGrantee,
    extend_share,
    revoke_all_shares,
    revoke_share,
    share_with_tenant,
    share_with_user,
)
from tests.factories import DeviceFactory, SiteFactory

DAY = dt.timedelta(days=1)


@pytest.fixture
def fleet(red):
    """A site with two devices, and another site with one."""
    site, other = SiteFactory(tenant=red.tenant), SiteFactory(tenant=red.tenant, name="Secret site")
    return {
        "site": site,
        "first": DeviceFactory(site=site, gateway=None, name="First meter"),
        "second": DeviceFactory(site=site, gateway=None, name="Second meter"),
        "far": DeviceFactory(site=other, gateway=None, name="Far meter"),
    }


def share(team, target, *, email=None, slug=None, codes=(), start=None, end=None, editor=CODES):
    now = timezone.now()
    common = {
        "target": target,
        "codes": codes,
        "valid_from": start or now,
        "expires_at": end or now + 7 * DAY,
        "shared_by": team.owner,
        "editor_codes": editor,
        "now": now,
    }
    with team.scope():
        if email:
            return share_with_user(email=email, **common)
        return share_with_tenant(slug=slug, **common)


def names(browser):
    return {
        name
        for name in ("First meter", "Second meter", "Far meter")
        if name in browser.get("/").content.decode()
    }


def test_a_site_shows_all_its_devices_to_a_person(red, stranger, fleet, client_for):
    share(red, fleet["site"], email=stranger.email)
    browser = client_for(stranger)

    assert names(browser) == {"First meter", "Second meter"}
    assert browser.get(f"/devices/{fleet['far'].id}").status_code == 404
    assert "Secret site" not in browser.get("/").content.decode()


def test_a_device_is_all_that_is_seen(red, stranger, fleet, client_for):
    share(red, fleet["first"], email=stranger.email)
    browser = client_for(stranger)

    assert names(browser) == {"First meter"}
    assert browser.get(f"/devices/{fleet['first'].id}").status_code == 200
    assert browser.get(f"/devices/{fleet['second'].id}").status_code == 404


def test_an_organisation_sees_it_beside_its_own(red, blue, fleet, client_for):
    share(red, fleet["site"], slug=blue.tenant.slug)
    browser = client_for(blue.viewer)

    own = browser.get("/")
    browser.post("/organisation", {"tenant": str(red.tenant.id)})

    assert "Red Energy" in own.content.decode()  # in the switcher
    assert names(browser) == {"First meter", "Second meter"}
    assert browser.get("/").context["acting"].kind == "guest"


def test_a_role_limits_what_an_organisations_share_gives(red, blue, fleet):
    share(red, fleet["first"], slug=blue.tenant.slug, codes=["control:device"])

    assert blue.operator.has_perm("control:device", fleet["first"])
    assert not blue.viewer.has_perm("control:device", fleet["first"])
    assert not blue.operator.has_perm("control:device", fleet["second"])


@pytest.mark.parametrize("state", ["ended", "planned", "suspended"])
def test_at_another_time_nothing_is_shared(red, stranger, fleet, client_for, state):
    now = timezone.now()
    start = now + DAY if state == "planned" else now
    share_id = share(red, fleet["site"], email=stranger.email, start=start)
    if state == "ended":
        with red.scope():
            for model in SHARE_MODELS.values():
                model.objects.update(valid_from=now - 2 * DAY, expires_at=now - DAY)
    if state == "suspended":
        red.tenant.is_active = False
        red.tenant.save()

    assert client_for(stranger).get(f"/devices/{fleet['first'].id}").status_code == 404
    assert not stranger.has_perm("read:device", fleet["first"])
    with red.scope():
        assert [s.id for s in list_shares(now=now)] == [share_id]


def test_revoked_is_gone_at_once(red, stranger, fleet, client_for, now):
    share_id = share(red, fleet["site"], email=stranger.email)
    browser = client_for(stranger)
    path = f"/devices/{fleet['first'].id}"
    assert browser.get(path).status_code == 200

    with red.scope():
        revoke_share(share_id=share_id, now=now)

    assert browser.get(path).status_code == 404


def test_all_at_once(red, blue, stranger, fleet, now):
    share(red, fleet["site"], email=stranger.email)
    share(red, fleet["first"], slug=blue.tenant.slug)
    site = SiteFactory(tenant=blue.tenant)
    share(blue, site, email=stranger.email)

    with red.scope():
        assert revoke_all_shares(tenant_id=red.tenant.id, now=now) == 2
    with all_tenants():
        assert sum(model.objects.count() for model in SHARE_MODELS.values()) == 2  # blue's


def test_extending_moves_all_permissions(red, stranger, fleet):
    share_id = share(red, fleet["site"], email=stranger.email, codes=["read:telemetry"])
    now = timezone.now()

    with red.scope():
        extend_share(share_id=share_id, expires_at=now + 30 * DAY, now=now)
        (found,) = list_shares(now=now)
        ends = set(SHARE_MODELS["site-user"].objects.values_list("expires_at", flat=True))

    assert ends == {now + 30 * DAY}
    assert found.codes == ["read:site", "read:device", "read:telemetry"]


@pytest.mark.parametrize(
    ("start", "end"), [(0, -1), (2, 1), (0, 367)], ids=["past", "backwards", "too long"]
)
def test_a_share_has_an_end_within_a_year(red, stranger, fleet, start, end):
    now = timezone.now()
    with pytest.raises(BadPeriod):
        share(
            red, fleet["site"], email=stranger.email, start=now + start * DAY, end=now + end * DAY
        )


def test_only_listed_permissions_that_the_sharer_has(red, stranger, fleet):
    with pytest.raises(NotShareable):
        share(red, fleet["site"], email=stranger.email, codes=["delete:device"])
    with pytest.raises(NotShareable):
        share(red, fleet["first"], email=stranger.email, codes=["read:site"])
    with pytest.raises(RoleTooStrong):
        share(
            red, fleet["first"], email=stranger.email, codes=["control:device"],
            editor=SYSTEM_ROLES["viewer"],
        )  # fmt: skip


def test_the_same_share_twice_is_refused(red, stranger, fleet):
    share(red, fleet["site"], email=stranger.email)

    with pytest.raises(AlreadyShared):
        share(red, fleet["site"], email=stranger.email)


def test_unknown_suspended_and_own_organisation_are_the_same_refusal(red, blue, fleet):
    blue.tenant.is_active = False
    blue.tenant.save()
    answers = set()
    for slug in ("nobody", blue.tenant.slug, red.tenant.slug):
        with pytest.raises(UnknownGrantee) as refusal:
            share(red, fleet["site"], slug=slug)
        answers.add(str(refusal.value))

    assert len(answers) == 1


def test_nobody_learns_who_has_an_account(red, stranger, fleet, client_for):
    browser = client_for(red.owner)
    end = (timezone.now() + 7 * DAY).date().isoformat()
    pages = []
    for email in (stranger.email, "nobody@example.com"):
        answer = browser.post(
            "/settings/shares/new",
            {"target": f"site:{fleet['site'].id}", "grantee": email, "last_day": end},
            follow=True,
        )
        pages.append(email in answer.content.decode())

    assert pages == [True, True]
    assert not User.objects.get(email="nobody@example.com").has_usable_password()
    assert [message.to for message in mail.outbox] == [[stranger.email], ["nobody@example.com"]]
    assert len({message.body for message in mail.outbox}) == 1


def test_a_guest_opens_no_settings_and_changes_nothing(red, stranger, fleet, client_for):
    share(red, fleet["site"], email=stranger.email, codes=["control:device"])
    browser = client_for(stranger)
    pages = ("people", "people/invite", "roles", "roles/new", "shares", "shares/new", "why")

    assert [browser.get(f"/settings/{page}").status_code for page in pages] == [403] * len(pages)
    assert browser.get("/settings/leave").status_code == 404
    home = browser.get("/").content.decode()
    assert "/settings/people" not in home
    assert "/settings/leave" not in home


def test_another_tenants_share_and_site_do_not_exist(red, blue, stranger, fleet, client_for):
    share_id = share(red, fleet["site"], email=stranger.email)
    browser = client_for(blue.owner)
    end = (timezone.now() + 7 * DAY).date().isoformat()

    assert browser.post(f"/settings/shares/{share_id}/revoke").status_code == 404
    assert browser.post(f"/settings/shares/{share_id}/extend", {"last_day": end}).status_code == 404
    forged = {"target": f"site:{fleet['site'].id}", "grantee": "a@b.example", "last_day": end}
    assert browser.post("/settings/shares/new", forged).status_code == 400


def test_a_device_beyond_the_list_is_shared_by_its_link(red, fleet, client_for, monkeypatch):
    monkeypatch.setattr("devices.pages.shares.LISTED_DEVICES", 1)
    browser, target = client_for(red.owner), f"device:{fleet['second'].id}"
    end = (timezone.now() + 7 * DAY).date().isoformat()

    page = browser.get(f"/settings/shares/new?target={target}").content.decode()
    data = {"target": target, "grantee": "a@b.example", "last_day": end}
    answer = browser.post("/settings/shares/new", data)

    assert f'value="{target}" selected' in page
    assert answer.status_code == 302


def test_a_guest_without_an_account_sets_a_password_by_the_usual_way(red, fleet, client):
    share(red, fleet["site"], email="nobody@example.com")
    mail.outbox.clear()

    client.post("/accounts/password/reset/", {"email": "nobody@example.com"})

    assert [message.to for message in mail.outbox] == [["nobody@example.com"]]
    assert "/accounts/password/reset/key/" in mail.outbox[0].body
