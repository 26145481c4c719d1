"""`manage.py check` reports what would break or leak."""

from __future__ import annotations

import pytest
from django.core.checks import INFO, run_checks
from django.core.management import call_command
from django.db import connections, models

from accounts.tenancy import TenantModel
from energy import checks


def ids(messages) -> list[str]:
    return [message.id for message in messages if message.id.startswith("energy.")]


def test_the_product_as_it_is_has_no_finding():
    assert ids(run_checks()) == []


@pytest.mark.django_db
def test_migrate_and_normal_runs_do_not_complain_about_plain_postgresql():
    call_command("check", fail_level="WARNING", databases=["default"])


@pytest.mark.django_db
def test_a_deployment_without_timescale_is_told(monkeypatch):
    found = {"databases": ["default"], "include_deployment_checks": True}
    monkeypatch.setitem(connections["default"].__dict__, "has_timescale", False)
    [told] = [message for message in run_checks(**found) if message.id == "energy.W010"]
    assert told.level == INFO  # production's `check --fail-level WARNING` passes

    monkeypatch.setitem(connections["default"].__dict__, "has_timescale", True)
    assert "energy.W010" not in ids(run_checks(**found))


@pytest.mark.parametrize(
    ("pack", "days", "kinds", "count"),
    [
        (7, 730, {}, 0),
        (0, 1, {"state": 1}, 0),
        (7, 7, {}, 1),
        (90, 730, {"state": 90, "gauge": 91}, 1),
        (90, 60, {"state": 30}, 2),
    ],
)
def test_samples_that_go_before_they_are_packed_are_told(settings, pack, days, kinds, count):
    settings.SAMPLE_PACK_AFTER_DAYS = pack
    settings.SAMPLE_RETENTION_DAYS, settings.SAMPLE_RETENTION_KINDS = days, kinds
    assert ids(run_checks(include_deployment_checks=True)).count("energy.W011") == count


def test_a_table_without_a_tenant_must_be_listed(monkeypatch):
    monkeypatch.delitem(checks.GLOBAL_TABLES, "accounts.User")

    assert ids(run_checks()).count("energy.E016") == 3  # with its two tables of many-to-many


@pytest.mark.django_isolate_apps("devices")
def test_a_tenants_rows_must_not_be_joined_from_a_global_table(monkeypatch):
    class Sticker(TenantModel):
        profile = models.ForeignKey("devices.DeviceProfile", models.CASCADE)

        class Meta:
            app_label = "devices"

    monkeypatch.setattr(checks, "own_models", lambda: [Sticker])
    monkeypatch.setattr(Sticker._meta.get_field("profile").remote_field, "model", models.Model)

    assert ids(checks.check_tables(None)) == ["energy.E017"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"CONN_MAX_AGE": 60}, "energy.E001"),
        ({"CONN_MAX_AGE": None}, "energy.E001"),
        ({"OPTIONS": {}}, "energy.E002"),
    ],
)
def test_connections_come_from_the_pool(settings, monkeypatch, change: dict, expected: str):
    changed = settings.DATABASES["default"] | change
    monkeypatch.setitem(settings.DATABASES, "default", changed)

    assert ids(checks.check_settings(None)) == [expected]


@pytest.mark.django_db
def test_the_pool_leaves_room_for_others(monkeypatch):
    pool = {"pool": {"max_size": 100_000}}
    monkeypatch.setitem(connections["default"].settings_dict, "OPTIONS", pool)

    assert ids(checks.check_connections(["default"])) == ["energy.E002"]


def test_the_channel_layer_is_shared_between_processes(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}

    assert ids(checks.check_settings(None)) == ["energy.E009"]


@pytest.mark.parametrize(
    ("host", "tls", "expected"),
    [
        ("broker.example.com", False, ["energy.E005"]),
        ("broker.example.com", True, []),
        ("127.0.0.1", False, []),
    ],
)
def test_mqtt_to_another_machine_is_encrypted(settings, host: str, tls: bool, expected: list):
    settings.MQTT_HOST, settings.MQTT_TLS, settings.METRICS_TOKEN = host, tls, "t" * 32

    assert ids(checks.check_exposure(None)) == expected


def test_metrics_without_a_token_are_public_behind_a_proxy(settings):
    settings.METRICS_TOKEN = ""

    assert ids(checks.check_exposure(None)) == ["energy.W012"]
