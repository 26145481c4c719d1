"""The page of a device's certificates."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import DeviceCertificate, ShutOut
from tests.admin.conftest import enter_sudo
from tests.factories import DeviceFactory
from tests.pki.rows import issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def certificate(direct_box):
    return issue(direct_box, timezone.now())


@pytest.fixture
def page(direct_box):
    return reverse("device-certificates", args=[direct_box.id])


def test_members_see_states_and_only_who_may_sees_the_buttons(
    page, certificate, red, blue, client_for
):
    for member, may in ((red.owner, True), (red.operator, False), (red.viewer, False)):
        content = client_for(member).get(page).content.decode()
        assert certificate.serial[:8] in content
        assert ("/revoke" in content) is may
        assert ("/shut-out" in content) is may
    assert client_for(blue.owner).get(page).status_code == 404


def test_an_owner_revokes_in_sudo_mode(page, certificate, direct_box, red, client_for):
    url = reverse("device-certificate-revoke", args=[direct_box.id, certificate.serial])
    asked = client_for(red.owner).post(url, {"reason": "key_compromise"})
    assert "reauthenticate" in asked["Location"]

    client = enter_sudo(client_for(red.owner), red.owner)
    done = client.post(url, {"reason": "key_compromise"})

    assert done["Location"] == page
    assert DeviceCertificate.objects.get(id=certificate.id).reason == "key_compromise"
    assert "was revoked on" in client.get(page).content.decode()
    assert client.post(url, {"reason": "nonsense"}).status_code == 404


def test_an_owner_shuts_a_device_out(page, certificate, direct_box, red, client_for):
    client = enter_sudo(client_for(red.owner), red.owner)

    client.post(reverse("device-shut-out", args=[direct_box.id]), {"reason": "superseded"})

    assert ShutOut.objects.filter(device=direct_box).exists()


def test_a_device_behind_a_gateway_says_who_connects(gateway_box, red, client_for):
    behind = DeviceFactory(gateway=gateway_box.gateway, uid="meter")

    content = client_for(red.viewer).get(reverse("device-certificates", args=[behind.id])).content

    assert b"behind a gateway" in content


@pytest.mark.parametrize("what", ["revoke", "shut-out"])
def test_others_revoke_nothing(what, certificate, direct_box, red, blue, client_for):
    url = (
        reverse("device-shut-out", args=[direct_box.id])
        if what == "shut-out"
        else reverse("device-certificate-revoke", args=[direct_box.id, certificate.serial])
    )
    for member, status in ((red.viewer, 403), (red.operator, 403), (blue.owner, 404)):
        client = enter_sudo(client_for(member), member)
        assert client.post(url, {"reason": "superseded"}).status_code == status

    assert DeviceCertificate.objects.get(id=certificate.id).revoked_at is None
