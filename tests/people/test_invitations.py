"""Invitations: one link, one person, one use."""

from __future__ import annotations

import datetime as dt

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation, Membership, SystemRole, User
from accounts.queries.roles import RoleChoice
from accounts.rbac.registry import CODES, SYSTEM_ROLES
from accounts.services.invitations import accept, find_invitation, hash_token, invite, resend
from accounts.services.members import remove_member
from accounts.services.refusals import (
    AlreadyInvited,
    AlreadyMember,
    InvitationGone,
    RoleTooStrong,
    SentJustNow,
)
from accounts.services.tenants import suspend_tenant
from energy.lib.masking import mask_text
from tests.factories import MembershipFactory, UserFactory

NEW = "ayse@new.example"
PASSWORD = "a sentence is easy to keep"


def send(team, now, *, email=NEW, role="operator", codes=CODES, by=None):
    with team.scope():
        return invite(
            tenant=team.tenant,
            email=email,
            choice=RoleChoice(role),
            invited_by=by or team.owner,
            editor_codes=codes,
            now=now,
        )


def token_in(path):
    return path.rsplit("/", 1)[1]


def test_the_mail_has_a_link_of_our_own_address_in_text_and_html(red, now, link_of):
    send(red, now)

    message = mail.outbox[0]
    html = message.alternatives[0].content
    link = settings.PUBLIC_URL + link_of(NEW)
    assert link in message.body
    assert link in html
    assert "Red Energy" in message.subject


def test_only_the_hash_of_the_secret_is_stored(red, now, link_of):
    invitation = send(red, now)

    token = token_in(link_of(NEW))
    assert len(token) >= 43  # 256 bits
    assert invitation.token_hash == hash_token(token)
    stored = [str(getattr(invitation, f.attname)) for f in invitation._meta.concrete_fields]
    assert not any(token in value for value in stored)


def test_a_name_with_a_line_break_cannot_add_headers_to_the_mail(red, now):
    red.tenant.name = "Red\nBcc: all@example.com"
    send(red, now)

    assert "\n" not in mail.outbox[0].subject


def test_a_new_person_sets_a_password_and_is_a_member(red, link_of, client):
    send(red, timezone.now())

    page = client.get(link_of(NEW), follow=True)
    done = client.post("/invitations/accept", {"name": "Ayşe", "password": PASSWORD}, follow=True)

    assert page.redirect_chain == [("/invitations/accept", 302)]
    assert NEW in page.content.decode()
    member = Membership.objects.get(user__email=NEW)
    assert (member.tenant, member.role) == (red.tenant, SystemRole.OPERATOR)
    assert done.context["acting"].tenant == red.tenant
    assert member.user.check_password(PASSWORD)


def test_a_weak_password_makes_no_account(red, link_of, client):
    send(red, timezone.now())
    client.get(link_of(NEW))

    answer = client.post("/invitations/accept", {"name": "Ayşe", "password": "12345678"})

    assert answer.status_code == 400
    assert not User.objects.filter(email=NEW).exists()


def test_somebody_with_an_account_signs_in_first(red, link_of, client):
    UserFactory(email=NEW)
    send(red, timezone.now())

    page = client.get(link_of(NEW), follow=True)
    refused = client.post("/invitations/accept", {"name": "x", "password": PASSWORD})

    assert "?next=/invitations/accept" in page.content.decode()
    assert refused.status_code == 200
    assert User.objects.get(email=NEW).check_password("correct horse battery staple")
    assert not Membership.objects.filter(user__email=NEW).exists()


def test_after_sign_in_the_invitation_waits(red, link_of, client):
    user = UserFactory(email=NEW)
    send(red, timezone.now())
    client.get(link_of(NEW))
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    client.post("/invitations/accept")

    assert Membership.objects.get(user=user).tenant == red.tenant


def test_a_signed_in_person_with_another_address_cannot_accept(red, blue, link_of, client_for):
    send(red, timezone.now())
    browser = client_for(blue.viewer)
    page = browser.get(link_of(NEW), follow=True)

    browser.post("/invitations/accept")

    assert "Sign out" in page.content.decode()
    assert not Membership.objects.filter(user=blue.viewer, tenant=red.tenant).exists()


def test_a_link_works_once(red, blue, now, link_of):
    send(red, now, email=blue.viewer.email)
    token = token_in(link_of(blue.viewer.email))

    accept(token=token, user=blue.viewer, now=now)

    with pytest.raises(InvitationGone):
        accept(token=token, user=blue.viewer, now=now)


@pytest.mark.parametrize("spoil", ["late", "revoked", "suspended", "wrong"])
def test_every_dead_link_gives_the_same_answer(red, link_of, client, spoil):
    now = timezone.now()
    sent = send(red, now - dt.timedelta(days=8) if spoil == "late" else now)
    path = link_of(NEW)
    if spoil == "revoked":
        with red.scope():
            Invitation.objects.filter(id=sent.id).update(revoked_at=now)
    if spoil == "suspended":
        suspend_tenant(tenant_id=red.tenant.id, reason="unpaid", now=now)
    if spoil == "wrong":
        path = path[:-1] + ("A" if path[-1] != "A" else "B")

    answer = client.get(path, follow=True)

    assert answer.status_code == 404
    assert "no longer valid" in answer.content.decode()
    assert "Red Energy" not in answer.content.decode()


def test_sending_again_kills_the_old_link(red, now, link_of):
    sent = send(red, now)
    old = token_in(link_of(NEW))
    later = now + dt.timedelta(hours=1)
    with red.scope():
        resend(invitation_id=sent.id, editor_codes=CODES, now=later)

    with pytest.raises(InvitationGone):
        find_invitation(token=old, now=later)
    found = find_invitation(token=token_in(link_of(NEW)), now=later)
    assert found.expires_at == later + dt.timedelta(days=7)


def test_nobody_is_flooded_with_mail(red, now):
    sent = send(red, now)

    with red.scope(), pytest.raises(SentJustNow):
        resend(invitation_id=sent.id, editor_codes=CODES, now=now + dt.timedelta(seconds=59))

    assert len(mail.outbox) == 1


def test_nobody_offers_more_than_they_may(red, now):
    with pytest.raises(RoleTooStrong):
        send(red, now, role="admin", codes=SYSTEM_ROLES["operator"] | {"write:member"})


def test_members_and_the_invited_are_not_invited_again(red, now):
    send(red, now)

    with pytest.raises(AlreadyInvited):
        send(red, now, email=NEW.upper())
    with pytest.raises(AlreadyMember):
        send(red, now, email=red.viewer.email)


def test_an_expired_invitation_gives_way(red, now):
    send(red, now)

    again = send(red, now + dt.timedelta(days=8))

    assert again.revoked_at is None


def test_who_goes_takes_their_invitations_along(red, now, link_of):
    helper = MembershipFactory(tenant=red.tenant, role=SystemRole.ADMIN)
    send(red, now, role="admin", by=helper.user)
    with red.scope():
        remove_member(membership_id=helper.id, tenant_id=red.tenant.id, editor_codes=CODES, now=now)

    with pytest.raises(InvitationGone):
        find_invitation(token=token_in(link_of(NEW)), now=now)


def test_an_account_made_for_a_share_is_taken_over(red, link_of, client):
    User.objects.create_user(NEW)
    send(red, timezone.now())
    client.get(link_of(NEW))

    client.post("/invitations/accept", {"name": "Ayşe", "password": PASSWORD})

    assert User.objects.get(email=NEW).check_password(PASSWORD)


def test_only_with_the_permission_the_page_invites(red, client_for):
    for user, status in ((red.owner, 302), (red.operator, 403), (red.viewer, 403)):
        data = {"email": f"x{status}@new.example", "role": "viewer"}
        answer = client_for(user).post("/settings/people/invite", data)
        assert answer.status_code == status

    assert Client().get("/settings/people/invite").status_code == 302
    with red.scope():
        assert Invitation.objects.count() == 1


def test_the_secret_of_a_link_does_not_reach_the_log(red, now, link_of):
    send(red, now)
    path = link_of(NEW)

    assert token_in(path) not in mask_text(f"GET {path}")


@pytest.mark.parametrize(
    "name",
    ["Ada\r\nBcc: all@evil.example", "<script>x</script>", "{{ link }}", "%(link)s", "=1+1"],
)
def test_names_of_organisations_cannot_write_the_mail(red, now, name):
    red.tenant.name = name
    red.tenant.save()

    send(red, now)

    sent = mail.outbox[0]
    headers = dict(sent.message().items())
    assert (sent.to, "Bcc" in headers, sent.bcc) == ([NEW], False, [])
    html = sent.alternatives[0][0]
    assert "<script>x" not in html
    assert html.count("<a ") == 1
