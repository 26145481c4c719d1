"""Meters in the admin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.tenancy import all_tenants
from metering.models import LedgerMark, Meter, RegisterDay
from metering.series import QUARTER_US
from tests.admin.conftest import enter_sudo
from tests.conftest import Team
from tests.factories import MeterFactory, SiteFactory
from tests.metering.conftest import NOW, Plant

pytestmark = pytest.mark.django_db
LIST = reverse("admin:metering_meter_changelist")


def page_of(meter: Meter, page: str) -> str:
    return reverse(f"admin:metering_meter_{page}", args=[meter.pk])


def form_of(meter: Meter, **changes: object) -> dict[str, object]:
    """Return what the form of a meter sends."""
    sent: dict[str, object] = {
        "name": meter.name, "role": meter.role, "parent": meter.parent_id or "",
        "accuracy_percent": "", "most_per_hour": "", "contracted_kw": "", "is_active": "on",
    }  # fmt: skip
    for prefix in ("terms", "registers", "installations"):
        sent |= {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    return sent | changes


@pytest.fixture
def admin_client(client_for: Callable[[User], Client], staff: User) -> Client:
    """A browser signed in as a superuser, in sudo mode."""
    return enter_sudo(client_for(staff), staff)


@pytest.fixture
def counted(plant: Plant) -> Meter:
    """Return a meter that has counted two hours."""
    channel = plant.channel()
    register = plant.meter(channel, name="Main")
    start = int(NOW.timestamp()) * 1_000_000 - 10 * QUARTER_US
    plant.store(channel, start + np.arange(9) * QUARTER_US, np.arange(9) * 0.5)
    plant.build()
    return register.meter


@pytest.mark.usefixtures("redis")
def test_another_limit_applies_to_all_of_the_past(counted: Meter, admin_client: Client) -> None:
    answer = admin_client.post(
        page_of(counted, "change"), form_of(counted, most_per_hour="17.25", name="Main 2")
    )

    assert answer.status_code == 302, answer.context["errors"]
    mark = LedgerMark.objects.get()
    assert mark.start == 0
    with all_tenants():
        counted.refresh_from_db()
    assert (counted.name, str(counted.most_per_hour)) == ("Main 2", "17.250")


@pytest.mark.usefixtures("redis")
def test_a_meter_is_not_put_below_itself(red: Team, admin_client: Client) -> None:
    site = SiteFactory(tenant=red.tenant)
    above = MeterFactory(site=site)
    below = MeterFactory(site=site, parent=above)

    answer = admin_client.post(page_of(above, "change"), form_of(above, parent=below.pk))

    assert "A meter cannot be below itself." in answer.content.decode()
    with all_tenants():
        above.refresh_from_db()
    assert above.parent_id is None


@pytest.mark.usefixtures("redis")
def test_what_was_counted_is_not_deleted_by_accident(counted: Meter, admin_client: Client) -> None:
    page = admin_client.get(page_of(counted, "delete"))
    admin_client.post(page_of(counted, "delete"), {"post": "yes"})

    assert "Main has counted on 1 days." in page.content.decode()
    with all_tenants():
        assert Meter.objects.filter(pk=counted.pk).exists()
    assert RegisterDay.objects.count() == 1


@pytest.mark.usefixtures("redis")
def test_a_meter_that_counted_nothing_is_deleted(red: Team, admin_client: Client) -> None:
    meter = MeterFactory(site=SiteFactory(tenant=red.tenant))

    answer = admin_client.post(page_of(meter, "delete"), {"post": "yes"})

    assert answer.status_code == 302
    with all_tenants():
        assert not Meter.objects.exists()


@pytest.mark.usefixtures("redis")
def test_the_past_is_calculated_anew_at_a_push_of_a_button(
    counted: Meter, admin_client: Client
) -> None:
    answer = admin_client.post(
        LIST, {"action": "recalculate", "_selected_action": [str(counted.pk)]}, follow=True
    )

    assert "1 register is being calculated anew." in answer.content.decode()
    assert LedgerMark.objects.get().start == 0
