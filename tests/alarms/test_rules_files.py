"""Rules leave as a file and come in again; a row that is wrong keeps no other from coming."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from alarms.models import AlarmRule
from alarms.queries.rule_files import export_rules
from alarms.queries.rules import newest_versions
from alarms.queries.scopes import Scope, scope_of
from alarms.services.expressions import Expression, channel_of
from alarms.services.rule_files import RowResult, import_rules
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rules import Content, create_rule
from devices.models import Device
from telemetry.models import VirtualChannel
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, GatewayFactory, SiteFactory

WARM = {"when": {"kind": "threshold", "above": 30.0}, "severity": "error"}


def house(team: Team) -> Device:
    """A site with a device that has two channels; the same names in each tenant."""
    site = SiteFactory(tenant=team.tenant, name="Plant")
    gateway = GatewayFactory(site=site, uid=f"gw-{team.tenant.slug}")
    device: Device = DeviceFactory(gateway=gateway, uid="meter-1", tags=["hall"])
    for name in ("grid", "solar"):
        ChannelFactory(device=device, name=name, unit="kW")
    return device


def fill(team: Team, device: Device, now: dt.datetime) -> None:
    keys = dict(device.channels.values_list("name", "id"))
    computed = channel_of(
        Expression("grid + solar", keys, "kW", label="Both"), may_make=True, now=now
    )
    for name, scope, is_enabled in (
        ("All", Scope(metric="power", site=device.site_id, tag="hall"), True),
        ("One", Scope(metric="power", device=device.id, profile=device.profile_id), False),
        ("Channel", Scope(channel=keys["grid"]), False),
        ("Sum", Scope(channel=computed), True),
    ):
        create_rule(
            name=name, scope=scope, content=Content(WARM, "{value}", "Look"),
            is_enabled=is_enabled, now=now,
        )  # fmt: skip


def brought(result: RowResult) -> tuple[str, str]:
    return result.name, result.outcome.value


def test_what_leaves_comes_in_elsewhere(red: Team, blue: Team, now: dt.datetime) -> None:
    with red.scope():
        fill(red, house(red), now)
        file = export_rules()
        # nothing is different here
        assert [brought(row) for row in import_rules(file, may_enable=True, now=now)] == [
            (name, "unchanged") for name in ("All", "Channel", "One", "Sum")
        ]
    device = house(blue)
    elsewhere = file.replace(b"gw-red", b"gw-blue")
    with blue.scope():
        results = import_rules(elsewhere, may_make_channels=True, now=now)

        assert [brought(row) for row in results] == [
            (name, "created") for name in ("All", "Channel", "One", "Sum")
        ]
        rules = {rule.name: rule for rule in AlarmRule.objects.select_related("channel")}
        assert scope_of(rules["All"]) == Scope(metric="power", site=device.site_id, tag="hall")
        assert rules["One"].device_id == device.id
        assert rules["Channel"].channel.name == "grid"
        assert rules["Sum"].channel.label == "Both"
        assert VirtualChannel.objects.get().formula == "grid + solar"
        assert not any(rule.is_enabled for rule in rules.values())
        newest = newest_versions(rules.values())[rules["Sum"].id]
        assert (newest.definition, newest.text, newest.advice) == (WARM, "{value}", "Look")
        again = import_rules(elsewhere, may_enable=True, now=now)
        assert [row.outcome.value for row in again] == [
            "changed", "unchanged", "unchanged", "changed",
        ]  # fmt: skip


def row(**changes: Any) -> dict[str, Any]:
    return {"name": "New", "scope": {"metric": "power"}, "definition": WARM} | changes


def file_of(*rows: Any) -> bytes:
    return json.dumps({"kind": "alarm-rules", "version": 1, "rules": rows}).encode()


def test_each_row_tells_what_is_wrong_with_it(red: Team, now: dt.datetime) -> None:
    bad = [
        (row(name="Site", scope={"metric": "power", "site": "Nowhere"}), "not_found",
         "scope.site"),
        (row(name="Device", scope={"metric": "power", "device": {"uid": "x"}}), "not_found",
         "scope.device"),
        (row(name="Limit", definition={"when": {"kind": "threshold"}}), "no_limit",
         "definition.when.above"),
        (row(name="Text", text="{nothing}"), "unknown_name", "text"),
        (row(scope={"metric": "power", "sites": "x"}), "bad_shape", "scope"),
        (row(name="Empty", scope={}), "no_scope", "metric"),
        (7, "bad_shape", ""),
    ]  # fmt: skip
    with red.scope():
        results = import_rules(
            file_of(row(name="First"), *(one for one, _code, _field in bad), row(name="Last")),
            now=now,
        )

        assert [(r.code, r.field) for r in results[1:-1]] == [(c, f) for _row, c, f in bad]
        assert [r.row for r in results] == list(range(1, 10))
        assert all(r.detail for r in results[1:-1])
        assert set(AlarmRule.objects.values_list("name", flat=True)) == {"First", "Last"}


def test_a_row_takes_nothing_along_when_it_fails(red: Team, now: dt.datetime) -> None:
    device = DeviceFactory(tenant=red.tenant, gateway=None, uid="m")
    ChannelFactory(device=device, name="grid", unit="kW")
    formula = {
        "formula": "grid * 2", "unit": "kW",
        "inputs": [{"name": "grid", "device": {"uid": "m"}, "metric": "grid"}],
    }  # fmt: skip
    wrong = row(scope={"expression": formula}, definition={"when": {"kind": "no_data"}})
    with red.scope():
        (result,) = import_rules(file_of(wrong), may_make_channels=True, now=now)

        assert (result.code, result.rule_id) == ("bad_shape", None)
        assert not VirtualChannel.objects.exists()
        (result,) = import_rules(file_of(row(scope={"expression": formula})), now=now)
        assert result.code == "may_not_make_channel"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_file"),
        (b"[]", "bad_file"),
        (b'{"kind": "tariffs", "version": 1, "rules": []}', "bad_file"),
        (file_of(*[row()] * 501), "bad_file"),
        (b"\xff" * 10, "bad_file"),
        (b"[" * 100_000, "bad_file"),
        (b" " * 4_000_001, "too_large"),
    ],
)
def test_other_files_are_refused(red: Team, now: dt.datetime, data: bytes, code: str) -> None:
    with red.scope(), pytest.raises(RuleRefused) as error:
        import_rules(data, now=now)

    assert error.value.code == code
