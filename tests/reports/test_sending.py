"""Mails with reports: to whom, with what, again after failures, and to nobody else."""

from __future__ import annotations

import datetime as dt
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail

from accounts.models import Membership, SystemRole
from accounts.tenancy import all_tenants
from reports.content.build import build_document
from reports.content.question import read_question
from reports.models import Delivery, Recipient, ReportRun, ReportTemplate
from reports.services import sending
from reports.services.refusals import TooManyRecipients, UnknownRecipient
from reports.services.scheduling import request_due
from reports.services.sending import FIRST_PAUSE, MAX_TRIES, claim_delivery, deliver
from reports.services.templates import Mailing, find_template, save_template
from tests.conftest import Team
from tests.factories import MembershipFactory
from tests.reports.ledger_rows import ReportSite, work

DUE = dt.datetime(2026, 11, 2, 5, tzinfo=dt.UTC)
OUTSIDE = "landlord@elsewhere.example"
SEND = "django.core.mail.EmailMultiAlternatives.send"


def keep(berlin: ReportSite, *, agreed: bool = False, **mailing):
    given = {"schedule": "daily", "recipient_ids": [berlin.red.viewer.id],
             "addresses": [OUTSIDE]} | mailing  # fmt: skip
    if agreed:
        with berlin.red.scope():
            Recipient.objects.create(tenant=berlin.red.tenant, address=OUTSIDE, confirmed_at=DUE)
    with berlin.red.scope():
        return save_template(
            tenant_id=berlin.red.tenant.id, wanted=berlin.wanted(format="csv_wide", language="de"),
            mailing=Mailing(**given), now=DUE - dt.timedelta(hours=1),
        )  # fmt: skip


def send(now: dt.datetime = DUE) -> int:
    count = 0
    while one := claim_delivery(now=now):
        deliver(one, now=now)
        count += 1
    return count


def log() -> dict[str, tuple[str, int, str]]:
    with all_tenants():
        return {d.address: (d.state, d.tries, d.error_code) for d in Delivery.objects.all()}


def test_members_and_others_get_the_file_in_the_language_of_the_template(berlin):
    keep(berlin, agreed=True)
    request_due(now=DUE)
    assert work(DUE) == 1

    assert send() == 2

    by_address = {m.to[0]: m for m in mail.outbox}
    assert by_address.keys() == {OUTSIDE, berlin.red.viewer.email}
    for message in by_address.values():
        (name, content, kind) = message.attachments[0]
        assert (name, kind) == ("two-weeks-2026-10-19-2026-11-01.csv", "text/csv")
        assert "2026-10-25" in content if isinstance(content, str) else b"2026-10-25" in content
    with all_tenants():
        run = ReportRun.objects.get()
    assert f"/reports/{run.id}" in by_address[berlin.red.viewer.email].body
    assert f"/reports/{run.id}" not in by_address[OUTSIDE].body  # nobody to sign in
    assert set(log().values()) == {("sent", 1, "")}
    assert send(DUE + dt.timedelta(days=1)) == 0


def test_who_left_or_may_not_export_any_more_gets_nothing(berlin):
    red = berlin.red
    keep(berlin, recipient_ids=[red.viewer.id, red.operator.id, red.owner.id], addresses=[])
    request_due(now=DUE)
    work(DUE)
    Membership.objects.filter(user=red.viewer).delete()
    with red.scope():
        from accounts.models import Role

        role = Role.objects.create(tenant=red.tenant, name="Watcher", codes=["read:report"])
        Membership.objects.filter(user=red.operator).update(role="", custom_role=role)
    send()

    assert [message.to for message in mail.outbox] == [[red.owner.email]]
    assert log() == {
        red.viewer.email: ("withheld", 1, "not_allowed"),
        red.operator.email: ("withheld", 1, "not_allowed"),
        red.owner.email: ("sent", 1, ""),
    }


def test_who_left_before_stands_in_the_log(berlin):
    keep(berlin, addresses=[])
    Membership.objects.filter(user=berlin.red.viewer).delete()
    request_due(now=DUE)
    work(DUE)
    send()

    assert log() == {berlin.red.viewer.email: ("withheld", 1, "not_allowed")}
    assert mail.outbox == []


def test_an_address_that_became_a_members_goes_by_the_members_rights(berlin, stranger):
    keep(berlin, recipient_ids=[], addresses=[stranger.email])
    membership = MembershipFactory(user=stranger, tenant=berlin.red.tenant, role=SystemRole.VIEWER)
    stranger.is_active = False
    stranger.save()
    request_due(now=DUE)
    work(DUE)
    send()

    assert log()[stranger.email][0] == "withheld"
    assert membership.user_id == stranger.id


def test_one_that_fails_stops_no_other_and_is_tried_again_with_pauses(berlin, monkeypatch):
    keep(berlin, agreed=True)
    request_due(now=DUE)
    work(DUE)
    whole = mail.EmailMultiAlternatives.send
    tried = []

    def refuse(self, *args, **kwargs):
        if self.to == [OUTSIDE]:
            tried.append(self.extra_headers["Message-ID"])
            raise SMTPServerDisconnected
        return whole(self, *args, **kwargs)

    monkeypatch.setattr(SEND, refuse)
    moment = DUE
    send(moment)
    assert log() == {OUTSIDE: ("waiting", 1, "mail_not_sent"),
                     berlin.red.viewer.email: ("sent", 1, "")}  # fmt: skip
    assert send(moment + FIRST_PAUSE - dt.timedelta(seconds=1)) == 0
    for number in range(MAX_TRIES - 1):
        moment += FIRST_PAUSE * 2**number
        assert send(moment) == 1
    assert log()[OUTSIDE] == ("failed", MAX_TRIES, "mail_not_sent")
    assert send(moment + dt.timedelta(days=9)) == 0
    assert (len(tried), len(set(tried))) == (MAX_TRIES, 1)


def test_a_death_between_report_and_mail_loses_nothing(berlin):
    """The report is done, the worker dies; and another one dies holding a mail."""
    keep(berlin, addresses=[])
    request_due(now=DUE)
    work(DUE)
    assert claim_delivery(now=DUE) is not None  # and is killed
    assert mail.outbox == []

    assert send(DUE) == 0
    assert send(DUE + FIRST_PAUSE) == 1

    assert len(mail.outbox) == 1
    assert log() == {berlin.red.viewer.email: ("sent", 2, "")}


def test_a_large_file_is_a_link_for_members_and_nothing_for_others(berlin, monkeypatch):
    monkeypatch.setattr(sending, "MAX_ATTACHED", 10)
    keep(berlin, agreed=True)
    request_due(now=DUE)
    work(DUE)
    send()

    (message,) = mail.outbox
    assert message.attachments == []
    assert message.to == [berlin.red.viewer.email]
    assert log()[OUTSIDE] == ("withheld", 1, "file_too_large")


def test_recipients_are_members_who_may_or_addresses_of_others(berlin, blue: Team):
    with pytest.raises(UnknownRecipient):
        keep(berlin, recipient_ids=[blue.viewer.id])
    with pytest.raises(TooManyRecipients):
        keep(berlin, addresses=[f"{number}@elsewhere.example" for number in range(20)])

    made = keep(berlin, recipient_ids=[], addresses=[berlin.red.owner.email.upper(), OUTSIDE])

    with berlin.red.scope():
        template = find_template(made.id)
    assert (template.recipient_ids, template.addresses) == ([berlin.red.owner.id], [OUTSIDE])


def test_a_report_on_demand_is_sent_to_nobody(berlin):
    template = keep(berlin)
    run, _data = berlin.make()
    assert (template.is_active, run.is_sent, log()) == (True, False, {})


def test_a_meter_of_a_template_that_is_gone_is_told_in_the_report(berlin):
    keep(berlin, addresses=[])
    with all_tenants():
        ids = [berlin.meters["Hall"].id, berlin.red.owner.id]
        ReportTemplate.objects.update(meter_ids=ids, format="pdf")
    request_due(now=DUE)
    assert work(DUE) == 1

    with all_tenants():
        run = ReportRun.objects.get()
    assert run.state == "done"
    with berlin.red.scope():
        document = build_document(read_question(run.question), organisation="Red", now=DUE)
    assert any("1" in note and "nicht mehr" in note or "no longer" in note
               for note in document.notes)  # fmt: skip
