"""The data quality of a device in a real browser: seen, corrected, asked for again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.tenancy import all_tenants
from devices.models import Channel
from telemetry.models import ChannelDay, Grade, SampleCorrection, SequenceGap
from telemetry.truth.sequences import give_up, note_numbers
from tests.browser.conftest import NARROW, WIDE
from tests.browser.test_accessibility import severe_findings
from tests.browser.test_fleet import photograph

_FIGURES = {
    "active_power_net": (Grade.GOOD, 0.998, []),
    "active_energy_import": (Grade.FAIR, 0.962, ["resets", "gaps"]),
    "voltage_l1": (Grade.POOR, 0.71, ["scale", "late", "gaps"]),
}


@pytest.fixture
def judged(fleet):
    """Give the meter two weeks of figures, and numbers with gaps."""
    now = timezone.now()
    with fleet.team.scope():
        for channel in Channel.objects.filter(device=fleet.meter, name__in=_FIGURES):
            grade, share, findings = _FIGURES[channel.name]
            ChannelDay.objects.bulk_create(
                ChannelDay(
                    tenant=fleet.team.tenant, channel=channel, computed_at=now,
                    day=now.date() - dt.timedelta(days=ago),
                    grade=grade if ago < 4 else Grade.GOOD,
                    completeness=share if ago < 4 else 1.0 - ago / 400, findings=findings,
                    gaps=3, longest_gap_seconds=9000, falls=1, lateness_p95=4200.0,
                )
                for ago in range(1, 14)
            )  # fmt: skip
    note_numbers([(fleet.meter.id, 3, n) for n in (1, 2, 6, 9, 10)], now=now)
    with all_tenants():
        lost = SequenceGap.objects.order_by("start").first()
    give_up([lost.id], sequences={lost.sequence_id}, now=now)
    return fleet


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["1280", "360"])
def test_is_seen_and_set_right(visit, judged, viewport, scheme):
    window = visit(judged.team.owner, viewport=viewport, color_scheme=scheme)
    page = window.open(f"/devices/{judged.meter.id}?part=quality")
    expect(page.get_by_text("is the unit right?")).to_be_visible()
    expect(page.get_by_text("Lost", exact=True)).to_be_visible()

    page.get_by_text("Add a reading").click()
    form = page.locator("form", has=page.locator("#add-value"))
    form.get_by_label("Time").fill("2026-01-05T08:30:00")
    form.get_by_label("Value").fill("12.5")
    form.get_by_label("Reason").fill("read at the meter")
    photograph(page, f"quality-{viewport['width']}-{scheme}")
    assert window.overflow() <= 0
    assert severe_findings(page) == []
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The reading is stored.")).to_be_visible()
    expect(page.get_by_text("read at the meter")).to_be_visible()

    page.get_by_role("button", name="Ask again for what is lost").click()
    expect(page.get_by_text("1 gap is asked for again.")).to_be_visible()
    with all_tenants():
        assert SampleCorrection.objects.get().new_value == 12.5
        assert not SequenceGap.objects.exclude(given_up_at=None).exists()
