"""When reports are due by the clock of a site, and that each is asked for once."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.tenancy import all_tenants
from devices.services.fleet_edits import InUse, delete_site
from metering.analysis.compare import Period
from reports.content.periods import Timetable, last_whole, period_around
from reports.models import ReportRun, ReportTemplate
from reports.services.asking import Wanted
from reports.services.refusals import NoRecipient, TemplateNameTaken
from reports.services.scheduling import request_due
from reports.services.templates import Mailing, save_template
from tests.factories import SiteFactory

BERLIN = ZoneInfo("Europe/Berlin")
D = dt.date


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)


def table(schedule="daily", at=dt.time(6), weekday=0, month_day=1, zone=BERLIN) -> Timetable:
    return Timetable(schedule, at, weekday, month_day, zone)


@pytest.mark.parametrize(("after", "due"), [
    (utc(2026, 3, 27, 12), utc(2026, 3, 28, 5)),
    (utc(2026, 3, 28, 12), utc(2026, 3, 29, 4)),  # summer time begins
    (utc(2026, 10, 24, 12), utc(2026, 10, 25, 5)),  # and ends
])  # fmt: skip
def test_six_o_clock_stays_six_o_clock(after, due):
    assert table().next_after(after) == due


def test_a_time_the_clock_jumps_over_is_due_once_an_hour_later():
    two = table(at=dt.time(2, 30))
    first = two.next_after(utc(2026, 3, 28, 12))

    assert first.astimezone(BERLIN).time() == dt.time(3, 30)
    assert two.next_after(first) == utc(2026, 3, 30, 0, 30)


def test_a_time_the_clock_shows_twice_is_due_once():
    two = table(at=dt.time(2, 30))
    first = two.next_after(utc(2026, 10, 24, 12))

    assert first == utc(2026, 10, 25, 0, 30)
    assert two.next_after(first) == utc(2026, 10, 26, 1, 30)
    assert two.last_until(utc(2026, 10, 25, 1, 45)) == first  # the second half past two


@given(
    second=st.integers(1_704_067_200, 1_830_297_600),  # 2024 to 2027
    schedule=st.sampled_from(["daily", "weekly", "monthly"]),
    minute=st.integers(0, 1439),
    zone=st.sampled_from(["Europe/Berlin", "Europe/Istanbul", "Australia/Lord_Howe"]),
)
def test_due_times_follow_each_other(second, schedule, minute, zone):
    now = dt.datetime.fromtimestamp(second, dt.UTC)
    times = table(schedule, dt.time(*divmod(minute, 60)), 3, 15, ZoneInfo(zone))

    following = times.next_after(now)
    assert following > now
    assert times.last_until(now) <= now
    assert times.last_until(following) == following
    assert times.last_until(following - dt.timedelta(microseconds=1)) <= now


def test_periods_are_those_of_the_site():
    midnight = utc(2026, 10, 31, 23, 30)  # the first of November in Berlin

    assert last_whole("month", now=midnight, zone=BERLIN) == Period(D(2026, 10, 1), D(2026, 11, 1))
    assert last_whole("month", now=midnight, zone=ZoneInfo("UTC")).start == D(2026, 9, 1)
    assert last_whole("week", now=midnight, zone=BERLIN) == Period(D(2026, 10, 19), D(2026, 10, 26))
    assert last_whole("year", now=midnight, zone=BERLIN) == Period(D(2025, 1, 1), D(2026, 1, 1))
    assert period_around("quarter", D(2026, 2, 28)) == Period(D(2026, 1, 1), D(2026, 4, 1))
    assert period_around("week", D(2026, 11, 1)) == Period(D(2026, 10, 26), D(2026, 11, 2))


@pytest.fixture
def template(red) -> ReportTemplate:
    with red.scope():
        site = SiteFactory(tenant=red.tenant, timezone="Europe/Berlin")
        return save_template(
            tenant_id=red.tenant.id, now=utc(2026, 10, 24, 12),
            wanted=Wanted(title="Daily", kind="consumption", site_id=site.id, period="day"),
            mailing=Mailing("daily", recipient_ids=[red.viewer.id]),
        )  # fmt: skip


def runs() -> list[ReportRun]:
    with all_tenants():
        return list(ReportRun.objects.order_by("due_at"))


def test_a_report_is_asked_for_when_it_is_due_and_only_once(template):
    assert template.next_due_at == utc(2026, 10, 25, 5)
    assert request_due(now=utc(2026, 10, 25, 4, 59)) == 0
    assert request_due(now=utc(2026, 10, 25, 5, 0, 10)) == 1
    assert request_due(now=utc(2026, 10, 25, 5, 0, 40)) == 0

    (run,) = runs()
    assert (run.due_at, run.is_sent, run.requested_by) == (utc(2026, 10, 25, 5), True, "system")
    assert run.question["first_day"] == "2026-10-24"


def test_what_was_missed_is_asked_for_once_for_the_newest_time(template):
    assert request_due(now=utc(2026, 10, 29, 12)) == 1

    (run,) = runs()
    assert run.due_at == utc(2026, 10, 29, 5)
    assert run.question["last_day"] == "2026-10-28"
    with all_tenants():
        template.refresh_from_db()
    assert template.next_due_at == utc(2026, 10, 30, 5)


def test_the_database_refuses_the_same_due_time_twice(template, red):
    request_due(now=utc(2026, 10, 25, 6))
    (run,) = runs()
    run.pk = None
    run._state.adding = True
    with red.scope(), pytest.raises(IntegrityError), transaction.atomic():
        run.save(force_insert=True)


def test_a_worker_that_died_between_does_not_ask_again(template):
    """As if the time had been noted in no transaction with the report."""
    request_due(now=utc(2026, 10, 25, 6))
    with all_tenants():
        ReportTemplate.objects.update(next_due_at=utc(2026, 10, 25, 5))

    request_due(now=utc(2026, 10, 25, 6))

    assert len(runs()) == 1


def test_a_template_that_is_not_in_use_or_of_a_suspended_tenant_waits(template, red):
    red.tenant.is_active = False
    red.tenant.save()
    assert request_due(now=utc(2026, 10, 25, 6)) == 0


def test_a_template_of_a_site_that_is_gone_goes_with_it(template, red):
    now = utc(2026, 10, 25, 6)
    assert request_due(now=now) == 1
    with red.scope():
        delete_site(site_id=template.site_id, now=now)
        connection.check_constraints()  # the walls look at the end of a transaction only

        assert not ReportTemplate.objects.exists()
        run = ReportRun.objects.get()  # what was made is still there
        assert (run.template_id, run.title) == (None, "Daily")
    assert request_due(now=utc(2026, 10, 26, 6)) == 0


def test_a_site_in_use_is_not_deleted_under_its_reports(berlin):
    with berlin.red.scope():
        kept = save_template(
            tenant_id=berlin.red.tenant.id, now=utc(2026, 10, 24, 12), wanted=berlin.wanted(),
            mailing=Mailing("daily", recipient_ids=[berlin.red.viewer.id]),
        )  # fmt: skip
        with pytest.raises(InUse):
            delete_site(site_id=berlin.site.id, now=utc(2026, 10, 25, 6))

        assert ReportTemplate.objects.get().id == kept.id


def test_a_schedule_needs_somebody_and_a_name_of_its_own(template, red):
    with red.scope():
        wanted = Wanted(title="Daily", kind="peak", site_id=template.site_id)
        with pytest.raises(TemplateNameTaken):
            save_template(
                tenant_id=red.tenant.id, wanted=wanted, mailing=Mailing(), now=utc(2026, 1, 1)
            )
        other = Wanted(title="Other", kind="peak", site_id=template.site_id)
        with pytest.raises(NoRecipient):
            save_template(
                tenant_id=red.tenant.id, wanted=other, mailing=Mailing("daily"), now=utc(2026, 1, 1)
            )
