"""What platform staff did is told to customers without names."""

from __future__ import annotations

import pytest

from accounts.actor import Actor, acting_as
from accounts.models import AuditEvent
from accounts.services.audit import record_event
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
MAIL = "night-shift@platform.example"
ADDRESS = "198.51.100.77"
READERS = ("/settings/audit", "/settings/audit?format=csv", "/api/v1/audit",
           "/admin/accounts/auditevent/")  # fmt: skip


@pytest.fixture
def events(red) -> list[AuditEvent]:
    """Staff did one thing themselves and one as the owner."""
    staff = UserFactory(email=MAIL, is_staff=True, is_superuser=True)
    alone = Actor("staff", staff.pk, MAIL, ip_address=ADDRESS)
    as_owner = Actor("user", red.owner.pk, red.owner.email, staff.pk, MAIL, ADDRESS)
    found = []
    for actor in (alone, as_owner):
        with acting_as(actor):
            found.append(record_event(action="role.created", now=NOW, tenant_id=red.tenant.id))
    return found


@pytest.mark.parametrize("url", READERS)
def test_customers_read_no_address_of_staff(url, events, red, client_for):
    answer = client_for(red.owner).get(url)

    assert answer.status_code == 200
    assert MAIL not in answer.content.decode()
    assert answer.content.decode().count("Platform staff") >= 2
    assert red.owner.email in answer.content.decode()


@pytest.mark.parametrize("url", READERS)
def test_nor_who_of_them_it_was_nor_from_where(url, events, red, client_for):
    text = client_for(red.owner).get(url).content.decode()

    assert str(events[0].actor_id) not in text
    assert ADDRESS not in text


def test_the_address_of_people_of_the_organisation_stays(red, client_for):
    actor = Actor("user", red.owner.pk, red.owner.email, ip_address=ADDRESS)
    with acting_as(actor):
        record_event(action="role.created", now=NOW, tenant_id=red.tenant.id)

    for url in READERS[:3]:
        assert ADDRESS in client_for(red.owner).get(url).content.decode()


def test_nor_in_a_single_event_of_the_admin(events, red, client_for):
    for event in events:
        page = client_for(red.owner).get(f"/admin/accounts/auditevent/{event.pk}/change/")
        assert page.status_code == 200
        for secret in (MAIL, ADDRESS, str(events[0].actor_id)):
            assert secret not in page.content.decode()


@pytest.mark.parametrize(
    "url",
    ["/settings/audit?actor={}", "/api/v1/audit?actor={}", "/admin/accounts/auditevent/?q={}"],
)
def test_nobody_finds_out_by_searching(url, events, red, client_for):
    client = client_for(red.owner)

    found = client.get(url.format("night-shift")).content.decode()
    nothing = client.get(url.format("never-there")).content.decode()

    assert found.count("role.created") == nothing.count("role.created")


def test_staff_read_the_address_and_the_row_keeps_it(events, client_for):
    root = UserFactory(is_staff=True, is_superuser=True)
    page = client_for(root).get("/admin/accounts/auditevent/").content.decode()

    assert page.count(MAIL) >= 2
    alone = client_for(root).get(f"/admin/accounts/auditevent/{events[0].pk}/change/")
    assert ADDRESS in alone.content.decode()
    assert AuditEvent.objects.get(pk=events[0].pk).actor_label == MAIL
    assert AuditEvent.objects.get(pk=events[1].pk).impersonator_label == MAIL
