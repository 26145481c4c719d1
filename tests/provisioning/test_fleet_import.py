"""Tables of devices: tried first, all or nothing, out as in."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import AuditEvent, Plan
from devices.fleet_csv import COLUMNS, UnreadableTable, read_table, write_table
from devices.models import Device, Gateway, Zone
from devices.services.fleet_import import (
    TABLE_FAULTS,
    ImportReport,
    export_rows,
    import_fleet,
)
from tests.conftest import Team
from tests.factories import NOW, DeviceProfileFactory, SiteFactory

TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=40).filter(
    lambda text: text == text.strip()
)


def test_the_command_imports_and_names_faults(
    ready: Team, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.csv"
    file.write_text(write_table(FLEET))
    call_command("fleet_import", str(file), tenant=ready.tenant.slug, dry_run=True)
    call_command("fleet_import", str(file), tenant=ready.tenant.slug)
    call_command("fleet_import", str(file), tenant=ready.tenant.slug)
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("3 create") and "dry run" in told[0]
    assert told[1:] == ["3 create, 0 update, 0 same", "0 create, 0 update, 3 same"]
    file.write_text(write_table([row(site="Nowhere")]))
    with pytest.raises(CommandError, match="1 rows cannot be used"):
        call_command("fleet_import", str(file), tenant=ready.tenant.slug)
    assert "row 2 site" in capsys.readouterr().err


@pytest.fixture
def ready(red: Team) -> Team:
    """A team with a site, a zone and two profiles."""
    site = SiteFactory(tenant=red.tenant, name="Plant")
    with red.scope():
        Zone.objects.create(site=site, name="Hall 1", uid="hall-1")
    DeviceProfileFactory(key="meter")
    DeviceProfileFactory(key="box", is_gateway=True)
    return red


def row(**changes: str) -> dict[str, str]:
    """Return a row of a direct meter."""
    plain = {
        "hardware_id": "246F28AABBCC", "serial": "A-1", "kind": "device", "profile": "meter",
        "site": "Plant", "zone": "Hall 1", "name": "Meter", "gateway": "",
    }  # fmt: skip
    return plain | changes


def run(team: Team, *rows: dict[str, str], dry_run: bool = False) -> ImportReport:
    """Import rows."""
    with team.scope():
        return import_fleet(rows=rows, tenant_id=team.tenant.id, dry_run=dry_run, now=NOW)


FLEET = (
    row(hardware_id="m-1", name="Behind", gateway="aabbccddeeff"),
    row(hardware_id="AA:BB:CC:DD:EE:FF", kind="gateway", profile="box", name="Gateway"),
    row(),
)


def test_a_dry_run_tells_and_does_nothing(ready: Team) -> None:
    report = run(ready, *FLEET, dry_run=True)
    assert [result.action for result in report.rows] == ["create"] * 3 and not report.is_done
    with ready.scope():
        assert not Device.objects.exists()
    assert run(ready, *FLEET).is_done
    with ready.scope():
        assert Device.objects.count() == 3 and Gateway.objects.get().uid == "aabbccddeeff"
        assert Device.objects.get(uid="m-1").zone.name == "Hall 1"
    assert AuditEvent.objects.filter(action="fleet.imported").count() == 1


def test_the_export_is_the_template_of_the_import(ready: Team) -> None:
    run(ready, *FLEET)
    with ready.scope():
        table = write_table(export_rows())
    report = run(ready, *read_table(table.encode()))
    assert [result.action for result in report.rows] == ["same"] * 3
    assert table.splitlines()[0] == ",".join(COLUMNS)


def test_one_bad_row_stops_all_and_names_its_column(ready: Team) -> None:
    report = run(ready, row(), row(hardware_id="b", site="Nowhere"))
    assert [(bad.number, bad.column, bad.code) for bad in report.refused] == [
        (3, "site", "unknown_site")
    ]
    with ready.scope():
        assert not Device.objects.exists()


@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({"hardware_id": ""}, "hardware_id", "required"),
        ({"hardware_id": "a/#"}, "hardware_id", "invalid"),
        ({"hardware_id": "x" * 65}, "hardware_id", "too_long"),
        ({"name": "a\nb"}, "name", "control_characters"),
        ({"name": "x" * 101}, "name", "too_long"),
        ({"profile": "none"}, "profile", "unknown_profile"),
        ({"zone": "Hall 9"}, "zone", "unknown_zone"),
        ({"gateway": "none"}, "gateway", "unknown_gateway"),
        ({"kind": "toaster"}, "kind", "unknown_kind"),
    ],
)
def test_faults_are_named(ready: Team, changes: dict[str, str], column: str, code: str) -> None:
    report = run(ready, row(**changes))
    assert [(bad.column, bad.code) for bad in report.refused] == [(column, code)]


def test_a_row_twice_and_a_quota_are_faults(ready: Team) -> None:
    assert [bad.code for bad in run(ready, row(), row()).refused] == ["twice"]
    ready.tenant.plan = Plan.objects.create(name="One", max_devices=1)
    ready.tenant.save()
    report = run(ready, row(), row(hardware_id="b"))
    assert [bad.code for bad in report.refused] == ["quota_devices"]


def test_foreign_sites_and_gateways_do_not_exist(ready: Team, blue: Team) -> None:
    SiteFactory(tenant=blue.tenant, name="Blue plant")
    run(ready, *FLEET)
    assert run(blue, row(site="Plant")).refused[0].code == "unknown_site"
    with blue.scope():
        zone_free = row(site="Blue plant", zone="", gateway="aabbccddeeff", hardware_id="m-2")
    assert run(blue, zone_free).refused[0].code == "unknown_gateway"
    taken = row(site="Blue plant", zone="", kind="gateway", hardware_id="aabbccddeeff")
    assert run(blue, taken).refused[0].code == "taken"


def test_names_follow_the_table(ready: Team) -> None:
    run(ready, row())
    assert run(ready, row(name="Renamed", zone="")).rows[0].action == "update"
    with ready.scope():
        device = Device.objects.get()
    assert (device.name, device.zone_id, device.serial_number) == ("Renamed", None, "A-1")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "'=", "''=", "'"])
def test_no_text_is_a_formula_and_all_come_back(start: str) -> None:
    name = f"{start}cmd|' /C calc'!A0"
    table = write_table([row(name=name)])
    cell = next(csv.DictReader(table.splitlines()))["name"]
    assert not cell.startswith(("=", "+", "-", "@"))
    assert read_table(table.encode())[0]["name"] == name


@given(names=st.lists(TEXTS, min_size=1, max_size=5), separator=st.sampled_from(",;\t"))
def test_every_name_survives(names: list[str], separator: str) -> None:
    table = write_table([row(name=name) for name in names], separator=separator)
    assert [found["name"] for found in read_table(table.encode())] == names


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bad_header"),
        (b"\xff\xfe\x00", "not_utf8"),
        (b"a\0b", "not_text"),
        (b"hardware_id,site\n", "bad_header"),
        (b"hardware_id,profile,site,name,secret\n", "bad_header"),
        (b"hardware_id,profile,site,name,name\n", "bad_header"),
        (b"hardware_id,profile,site,name\na,b\n", "bad_row"),
        (b'hardware_id,profile,site,name\n"a,b,c,d', "bad_table"),
        (b"x" * 2_000_001, "too_large"),
        (b"hardware_id,profile,site,name\n" + b"a,b,c,d\n" * 1001, "too_many_rows"),
    ],
)
def test_other_files_are_refused(data: bytes, code: str) -> None:
    with pytest.raises(UnreadableTable) as refusal:
        read_table(data)
    assert refusal.value.code == code
    assert code in TABLE_FAULTS


def test_spreadsheets_save_as_they_like() -> None:
    data: Any = "\ufeffname;HARDWARE_ID;Site;profile\r\nÇiğli;a;Plant;meter\r\n;;;\r\n".encode()
    assert read_table(data) == [
        {"name": "Çiğli", "hardware_id": "a", "site": "Plant", "profile": "meter"}
    ]
