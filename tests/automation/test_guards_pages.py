"""Pages and REST of demand guards: who may what, and what is said."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from accounts.tenancy import all_tenants
from automation.models import DemandGuard, Execution, SheddableLoad
from devices.models import DeviceProfile
from tests.automation.guarding import make_guard, make_load, ordered, shed
from tests.conftest import Team
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    MembershipFactory,
    MeterFactory,
    RegisterFactory,
    UserFactory,
)
from tests.telemetry.samples import store_samples

pytestmark = pytest.mark.django_db
GUARDS = "/api/v1/automation/guards"


@pytest.fixture
def guard(red: Team, profile: DeviceProfile) -> DemandGuard:
    return make_guard(red.tenant, profile, peak_price=10)


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def boss(red: Team) -> Client:
    return sign_in(red.owner)


def call(client: Client, method: str, url: str, body: Any = None) -> Any:
    return client.generic(method, url, json.dumps(body or {}), content_type="application/json")


def measure(guard: DemandGuard, kw: float) -> None:
    """Store what flowed until now."""
    now = timezone.now()
    assert guard.channel is not None
    rows = [(now - dt.timedelta(seconds=second), kw) for second in range(1800, 0, -10)]
    store_samples(guard.channel, rows)


def test_a_guard_is_made_with_loads_and_shows_what_is_expected(
    boss: Client, red: Team, profile: DeviceProfile
) -> None:
    meter = MeterFactory(tenant=red.tenant, name="Main")
    RegisterFactory(meter=meter, tenant=red.tenant)
    pump = DeviceFactory(
        tenant=red.tenant, gateway=None, site=meter.site, profile=profile, lifecycle="active"
    )

    made = call(boss, "POST", GUARDS, {"name": "Grid", "meter": str(meter.id), "limit_kw": 250})
    assert made.status_code == 201, made.content
    url = f"{GUARDS}/{made.json()['id']}"
    load = call(boss, "POST", f"{url}/loads", {
        "name": "Pump", "device": str(pump.id), "rated_kw": 22.5, "shed_command": "pump_off",
        "restore_command": "pump_on", "restore_params": {"duration_s": 60},
    })  # fmt: skip
    assert load.status_code == 201, load.content

    found = boss.get(url).json()
    assert (found["meter"], found["channel"], found["limit_kw"]) == (str(meter.id), None, 250)
    assert [one["restore_params"] for one in found["loads"]] == [{"duration_s": 60}]
    status = boss.get(f"{url}/status").json()
    assert (status["mood"], status["prediction"], status["peak_cost"]) == ("unknown", None, None)
    changed = call(boss, "PATCH", url, {"limit_kw": 300, "is_enabled": False})
    assert (changed.json()["limit_kw"], changed.json()["is_enabled"]) == (300, False)
    assert boss.delete(url).status_code == 204


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"name": "x", "limit_kw": 5}, "one_source", "#/source"),
        ({"name": "Grid connection", "limit_kw": 5, "channel": "same"}, "name_taken",
         "#/name"),
        ({"name": "x", "limit_kw": 5, "margin_kw": 5, "channel": "same"}, "invalid", ""),
        ({"name": "x", "limit_kw": 5, "window_minutes": 20, "channel": "same"}, "invalid",
         "#/window_minutes"),
        ({"name": "x", "limit_kw": 5, "channel": "volts"}, "no_power", "#/source"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_place(
    boss: Client, guard: DemandGuard, body: dict[str, Any], code: str, pointer: str
) -> None:
    assert guard.channel is not None
    volts = ChannelFactory(device=guard.channel.device, name="voltage_l1", unit="V")
    uuids = {"same": str(guard.channel.uuid), "volts": str(volts.uuid)}
    if "channel" in body:
        body = body | {"channel": uuids[body["channel"]]}

    answer = call(boss, "POST", GUARDS, body)

    assert answer.status_code == 400, answer.content
    [error] = answer.json()["errors"]
    assert (error["code"], error.get("pointer", "")) == (code, pointer)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"shed_command": "state"}, "switches_nothing"),
        ({"shed_command": "dance"}, "unknown_command"),
        ({"shed_params": {"x": 1}}, "unknown_param"),
        ({"min_off_seconds": 1000, "max_off_seconds": 900}, "invalid"),
    ],
)
def test_a_load_that_cannot_be_switched_so_is_refused(
    boss: Client, guard: DemandGuard, profile: DeviceProfile, changes: dict[str, Any], code: str
) -> None:
    load = make_load(guard, profile, 1)

    answer = call(boss, "PATCH", f"/api/v1/automation/loads/{load.id}", changes)

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == code


def test_who_may_not_control_a_device_may_not_let_it_be_shed(
    red: Team, guard: DemandGuard, profile: DeviceProfile
) -> None:
    with red.scope():
        role = Role.objects.create(
            name="Planner", codes=["read:automation", "write:automation", "read:device"]
        )
    planner = UserFactory(email="planner@red.example")
    MembershipFactory(user=planner, tenant=red.tenant, role="", custom_role=role)
    client = sign_in(planner)
    load = make_load(guard, profile, 1)

    answer = call(client, "PATCH", f"/api/v1/automation/loads/{load.id}", {"rated_kw": 5})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "may_not_control"
    url = f"/api/v1/automation/loads/{load.id}/shed"
    assert call(client, "POST", url).status_code == 403


def test_a_load_is_shed_and_comes_back_by_hand(
    boss: Client, red: Team, guard: DemandGuard, profile: DeviceProfile
) -> None:
    load = make_load(guard, profile, 1)
    url = f"/automation/demand/loads/{load.id}/switch"

    page = boss.post(url, {"do": "shed"}, follow=True)

    assert "is being shed" in page.content.decode()
    assert shed(guard) == ["Heater 1"]
    boss.post(url, {"do": "shed"})
    with all_tenants():
        [execution] = Execution.objects.all()
        assert execution.trigger == {"kind": "hand", "do": "shed", "by": red.owner.email}
        assert DemandGuard.objects.get().next_at is not None
    assert ordered() == []
    refused = boss.delete(f"{GUARDS}/{guard.id}")
    assert (refused.status_code, refused.json()["code"]) == (409, "is_shed")


def test_the_pages_show_what_is_expected_and_what_may_be_done(
    boss: Client, red: Team, guard: DemandGuard, profile: DeviceProfile
) -> None:
    make_load(guard, profile, 1)
    measure(guard, 130)

    listed = boss.get("/automation/demand/").content.decode()
    page = boss.get(f"/automation/demand/{guard.id}").content.decode()
    part = boss.get(f"/automation/demand/{guard.id}/live").content.decode()

    assert "130.0 kW" in listed
    for text in ("130.0 kW", "Heater 1", "Shed it", "A new peak would cost 1,300.00 TRY more"):
        assert text in part
        assert text in page
    viewer = sign_in(red.viewer)
    shown = viewer.get(f"/automation/demand/{guard.id}").content.decode()
    assert "Shed it" not in shown
    assert "Add a load" not in shown


def test_forms_make_and_change_guards_and_loads(
    boss: Client, guard: DemandGuard, profile: DeviceProfile
) -> None:
    load = make_load(guard, profile, 1)
    fields = {
        "name": "Second", "source": f"channel:{guard.channel_id}", "limit_kw": "80.5",
        "window_minutes": "30", "warn_minutes": "10", "is_enabled": "on",
    }  # fmt: skip

    made = boss.post("/automation/demand/new", fields)
    assert made.status_code == 302, made.content.decode()
    bad = boss.post("/automation/demand/new", fields)
    assert bad.status_code == 422
    assert boss.get(f"/automation/demand/{guard.id}/edit").status_code == 200
    command = f"{load.device_id}:heater_off"
    load_fields = {
        "name": "Heater", "number": "2", "rated_kw": "12.5", "shed": command,
        "restore": f"{load.device_id}:heater_on", "min_off_seconds": "60",
        "max_off_seconds": "600",
    }  # fmt: skip
    assert boss.post(f"/automation/demand/loads/{load.id}", load_fields).status_code == 302
    assert boss.post(f"/automation/demand/{guard.id}/loads/new", load_fields | {"name": "Other"}
                     ).status_code == 302  # fmt: skip
    wrong = boss.post(f"/automation/demand/loads/{load.id}", load_fields | {"shed_params": "[1]"})
    assert wrong.status_code == 422
    with all_tenants():
        second = DemandGuard.objects.get(name="Second")
        assert (second.window_minutes, second.limit_kw, second.is_shedding) == (30, 80.5, False)
        assert sorted(SheddableLoad.objects.values_list("name", "rated_kw")) == [
            ("Heater", 12.5), ("Other", 12.5),
        ]  # fmt: skip


def test_a_stranger_finds_nothing(blue: Team, guard: DemandGuard, profile: DeviceProfile) -> None:
    load = make_load(guard, profile, 1)
    stranger = sign_in(blue.owner)

    for url in (f"/automation/demand/{guard.id}", f"{GUARDS}/{guard.id}/status",
                f"/automation/demand/loads/{load.id}"):  # fmt: skip
        assert stranger.get(url).status_code == 404
    assert call(stranger, "POST", f"/api/v1/automation/loads/{load.id}/shed").status_code == 404
