"""Strangers get reports only after they agreed, and everybody can end them by a link."""

from __future__ import annotations

import datetime as dt
import re
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail, signing
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEvent
from accounts.tenancy import all_tenants
from reports.models import Recipient
from reports.services import consent
from reports.services.refusals import RecipientGone
from reports.services.scheduling import request_due
from reports.tasks import deliver_reports
from tests.conftest import Team
from tests.reports.ledger_rows import work
from tests.reports.test_sending import DUE, OUTSIDE, SEND, keep, log, send

BEFORE = DUE - dt.timedelta(hours=1)


def ask_all(now: dt.datetime = BEFORE) -> int:
    count = 0
    while one := consent.claim_question(now=now):
        consent.ask(one, now=now)
        count += 1
    return count


def token_in(message: mail.EmailMessage) -> str:
    found = re.search(r"/reports/confirm/(\S+)", message.body)
    assert found
    return found[1]


def end_in(message: mail.EmailMessage) -> str:
    found = re.search(r"/reports/end/(\S+)", message.body)
    assert found
    return found[1]


def recipient() -> Recipient:
    with all_tenants():
        return Recipient.objects.get(address=OUTSIDE)


def test_a_stranger_gets_nothing_before_the_link_was_used(berlin):
    keep(berlin, recipient_ids=[])
    assert ask_all() == 1
    (question,) = mail.outbox
    assert question.to == [OUTSIDE]
    assert question.attachments == []
    token = token_in(question)
    assert token not in str(Recipient.__dict__) + recipient().token_hash

    request_due(now=DUE)
    work(DUE)
    send()
    assert log() == {OUTSIDE: ("withheld", 1, "not_confirmed")}

    assert consent.find_asked(token, now=DUE).address == OUTSIDE
    consent.confirm(token, now=DUE)
    tomorrow = DUE + dt.timedelta(days=1)
    request_due(now=tomorrow)
    work(tomorrow)
    send(tomorrow)

    assert [message.to for message in mail.outbox[1:]] == [[OUTSIDE]]
    assert mail.outbox[1].attachments


def test_a_link_works_once_and_not_after_a_week(berlin):
    keep(berlin)
    ask_all()
    token = token_in(mail.outbox[0])

    with pytest.raises(RecipientGone):
        consent.confirm(token, now=BEFORE + consent.LIFETIME)
    consent.confirm(token, now=BEFORE + consent.LIFETIME - dt.timedelta(seconds=1))
    for again in (consent.confirm, consent.find_asked):
        with pytest.raises(RecipientGone):
            again(token, now=BEFORE)


def test_nobody_is_asked_twice_unless_the_link_grew_old(berlin):
    keep(berlin)
    assert ask_all() == 1
    keep_again(berlin, BEFORE + dt.timedelta(days=1))
    assert ask_all(BEFORE + dt.timedelta(days=1)) == 0

    later = BEFORE + consent.LIFETIME
    keep_again(berlin, later)
    assert ask_all(later) == 1

    old, new = map(token_in, mail.outbox)
    with pytest.raises(RecipientGone):
        consent.confirm(old, now=later)
    consent.confirm(new, now=later)
    keep_again(berlin, later + consent.LIFETIME)
    assert ask_all(later + consent.LIFETIME) == 0


def keep_again(berlin, now: dt.datetime) -> None:
    with berlin.red.scope():
        consent.ask_addresses(berlin.red.tenant.id, [OUTSIDE], now=now)


def test_an_address_of_a_template_from_before_is_asked_when_its_report_is_due(berlin):
    keep(berlin, recipient_ids=[])
    with all_tenants():
        Recipient.objects.all().delete()
    request_due(now=DUE)
    work(DUE)
    send()

    assert log() == {OUTSIDE: ("withheld", 1, "not_confirmed")}
    assert ask_all(DUE) == 1


def test_a_question_the_mail_server_refuses_is_asked_again_with_pauses(berlin, monkeypatch):
    keep(berlin)
    whole = mail.EmailMultiAlternatives.send

    def refuse(self, *args, **kwargs):
        raise SMTPServerDisconnected

    monkeypatch.setattr(SEND, refuse)
    assert ask_all() == 1
    assert ask_all(BEFORE + consent.FIRST_PAUSE - dt.timedelta(seconds=1)) == 0
    moment = BEFORE
    for number in range(2):
        moment += consent.FIRST_PAUSE * 2**number
        assert ask_all(moment) == 1
    monkeypatch.setattr(SEND, whole)
    moment += consent.FIRST_PAUSE * 4
    assert ask_all(moment) == 1

    assert recipient().asked_at == moment
    consent.confirm(token_in(mail.outbox[0]), now=moment)


def test_each_mail_has_a_link_that_ends_the_reports_also_of_members(berlin):
    keep(berlin)
    ask_all()
    consent.confirm(token_in(mail.outbox[0]), now=BEFORE)
    request_due(now=DUE)
    work(DUE)
    send()
    messages = {message.to[0]: message for message in mail.outbox[1:]}
    assert messages.keys() == {OUTSIDE, berlin.red.viewer.email}

    for message in messages.values():
        signed = end_in(message)
        link = f"/reports/end/{signed}"
        assert message.extra_headers["List-Unsubscribe"].endswith(f"{link}>")
        assert link in message.alternatives[0][0]
        # what a mail program sends by itself: without cookies, without a token of a form
        program = Client(enforce_csrf_checks=True)
        assert program.get(link).status_code == 200
        answer = program.post(link, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert "no-store" in answer["Cache-Control"]
    tomorrow = DUE + dt.timedelta(days=1)
    request_due(now=tomorrow)
    work(tomorrow)
    before = len(mail.outbox)
    send(tomorrow)

    assert len(mail.outbox) == before
    with all_tenants():
        states = {one.address: one.unsubscribed_at for one in Recipient.objects.all()}
        actions = AuditEvent.objects.filter(action__startswith="report_recipient.")
        assert sorted(actions.values_list("action", flat=True)) == [
            "report_recipient.asked", "report_recipient.confirmed",
            "report_recipient.unsubscribed", "report_recipient.unsubscribed",
        ]  # fmt: skip
    assert all(states.values())
    assert set(log_of(tomorrow).values()) == {("withheld", "unsubscribed")}


def log_of(due: dt.datetime) -> dict[str, tuple[str, str]]:
    from reports.models import Delivery

    with all_tenants():
        rows = Delivery.objects.filter(run__due_at=due)
        return {row.address: (row.state, row.error_code) for row in rows}


def test_who_ended_them_is_not_asked_again_but_can_have_them_again(berlin, client):
    keep(berlin, recipient_ids=[])
    ask_all()
    link = f"/reports/end/{end_in(mail.outbox[0])}"
    client.post(link)
    keep_again(berlin, timezone.now())
    assert ask_all(timezone.now()) == 0
    with pytest.raises(RecipientGone):
        consent.confirm(token_in(mail.outbox[0]), now=BEFORE)

    assert client.post(link, {"again": "1"}).status_code == 200

    found = recipient()
    assert found.confirmed_at is not None
    assert found.unsubscribed_at is None


def test_looking_at_a_link_changes_nothing(berlin, client):
    with berlin.red.scope():
        consent.ask_addresses(berlin.red.tenant.id, [OUTSIDE], now=timezone.now())
    ask_all(timezone.now())
    link = f"/reports/confirm/{token_in(mail.outbox[0])}"

    assert client.get(link).status_code == 200
    assert recipient().confirmed_at is None
    assert client.post(link).status_code == 200
    assert recipient().confirmed_at is not None
    assert client.post(link).status_code == 404
    assert client.get("/reports/confirm/guess").status_code == 404


def test_a_link_of_one_organisation_ends_nothing_of_another(berlin, blue: Team, client):
    keep(berlin)
    with blue.scope():
        consent.ask_addresses(blue.tenant.id, [OUTSIDE], now=BEFORE)
    assert ask_all() == 2
    ours = next(one for one in mail.outbox if berlin.red.tenant.name in one.subject)
    client.post(f"/reports/end/{end_in(ours)}")
    with all_tenants():
        assert list(
            Recipient.objects.filter(unsubscribed_at__isnull=False).values_list(
                "tenant_id", flat=True
            )
        ) == [berlin.red.tenant.id]
        other = Recipient.objects.get(tenant=blue.tenant)

    for forged in (str(other.id), signing.dumps(str(other.id)), end_in(ours)[:-1] + "x"):
        assert client.post(f"/reports/end/{forged}").status_code == 404
    with all_tenants():
        assert Recipient.objects.get(id=other.id).unsubscribed_at is None


def test_the_worker_asks_and_the_page_tells_what_was_said(berlin, client_for):
    template = keep(berlin)
    owner = client_for(berlin.red.owner)
    page = f"/reports/templates/{template.id}"
    with all_tenants():
        Recipient.objects.update(ask_at=timezone.now())
    assert owner.get(page).context["outside"] == [(OUTSIDE, "asked")]

    assert deliver_reports() == 1
    consent.confirm(token_in(mail.outbox[0]), now=timezone.now())

    assert owner.get(page).context["outside"] == [(OUTSIDE, "confirmed")]
    consent.end_reports(end_in(mail.outbox[0]), now=timezone.now())
    assert owner.get(page).context["outside"] == [(OUTSIDE, "unsubscribed")]
