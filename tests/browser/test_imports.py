"""An import in a real browser: sent in parts, looked at, started, followed to its end."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import expect

from devices.models import Channel
from telemetry.imports import store
from telemetry.imports.tasks import run_imports
from telemetry.models import ImportJob
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph


@pytest.fixture
def file(tmp_path, fleet):
    """A file that is sent in two parts."""
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    lines = [f"{start + n * dt.timedelta(minutes=1):%Y-%m-%d %H:%M:%S},{n % 9}" for n in range(99)]
    path = tmp_path / "history of the meter.csv"
    padding = "," + "x" * 60_000 + "\n"
    path.write_text("time,Energy [Wh],note\n" + padding.join(lines) + padding + "broken,1,x\n")
    yield path
    store.delete_folder(fleet.team.tenant.id)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_the_whole_way(visit, fleet, file, viewport, scheme):
    window = visit(fleet.team.owner, viewport=viewport, color_scheme=scheme)
    page = window.open("/data/imports")
    expect(page.get_by_text("Nothing imported yet")).to_be_visible()
    page.get_by_role("link", name="Import a file").click()
    photograph(page, f"import-new-{viewport['width']}-{scheme}")
    page.get_by_label("Device", exact=True).select_option(label="Main meter · İzmir plant")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Upload").click()

    expect(page.get_by_role("heading", name="The first rows")).to_be_visible()
    expect(page.get_by_text("2026-01-01 00:00:00 +0300").first).to_be_visible()
    photograph(page, f"import-preview-{viewport['width']}-{scheme}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []

    page.get_by_role("button", name="Start the import").click()
    expect(page.get_by_label("Progress")).to_be_visible()
    run_imports()
    expect(page.get_by_role("heading", name="Not stored")).to_be_visible()
    photograph(page, f"import-done-{viewport['width']}-{scheme}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []
    with fleet.team.scope():
        job = ImportJob.objects.get()
        assert (job.state, job.stored, job.refused) == ("done", 99, 1)
        assert Channel.objects.get(name="active_energy_import_interval").kind == "interval"


def test_a_file_that_is_none_is_said_beside_the_button(visit, fleet, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("no table")
    window = visit(fleet.team.owner)
    page = window.open("/data/imports/new")
    page.get_by_label("Device", exact=True).select_option(label="Main meter · İzmir plant")
    page.get_by_label("File", exact=True).set_input_files(path)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("alert")).to_contain_text("No column of the first rows holds times")
    window.complaints.clear()  # Chromium notes each answer that is no success
