"""Services hold their walls by themselves: pages in front of them are no wall."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.db import connection

from accounts.identity import choose_acting
from accounts.models import Membership, SystemRole, User
from accounts.queries.audit import known_actions
from accounts.queries.people import other_administrators
from accounts.queries.roles import RoleChoice, role_columns
from accounts.rbac.registry import CODES, SYSTEM_ROLES
from accounts.services.audit import record_event
from accounts.services.invitations import accept, accept_as_new, invite, resend
from accounts.services.keys import create_key, rotate_key
from accounts.services.refusals import HasAccount, OtherAddress, RoleTooStrong
from accounts.signin.gate import has_second_factor, lacks_second_factor
from telemetry.erasure import erase_telemetry
from tests.factories import (
    ChannelFactory,
    DeviceFactory,
    MembershipFactory,
    RejectedMessageFactory,
)
from tests.telemetry.samples import every, store_samples

pytestmark = pytest.mark.django_db


def offer(team, now, email, role="operator"):
    """Return an invitation and the secret of its link."""
    with team.scope():
        invitation = invite(
            tenant=team.tenant, email=email, choice=RoleChoice(role), invited_by=team.owner,
            editor_codes=CODES, now=now,
        )  # fmt: skip
    link = next(word for word in mail.outbox[-1].body.split() if "/invitations/" in word)
    return invitation, link.rsplit("/", 1)[1]


def test_an_invitation_is_for_its_address_only(red, blue, now):
    _invitation, token = offer(red, now, "new@example.com")

    with pytest.raises(OtherAddress):
        accept(token=token, user=blue.viewer, now=now)

    assert not Membership.objects.filter(user=blue.viewer, tenant=red.tenant).exists()


def test_a_link_sets_no_password_of_an_account_in_use(red, blue, now):
    _invitation, token = offer(red, now, blue.viewer.email)
    before = User.objects.get(pk=blue.viewer.pk).password

    with pytest.raises(HasAccount):
        accept_as_new(token=token, name="Thief", password="a sentence of the thief", now=now)

    assert User.objects.get(pk=blue.viewer.pk).password == before


def test_nobody_sends_an_offer_above_their_own_role_again(red, now):
    invitation, _token = offer(red, now, "boss@example.com", role="admin")

    with red.scope(), pytest.raises(RoleTooStrong):
        resend(invitation_id=invitation.id, editor_codes=SYSTEM_ROLES["operator"], now=now)


def test_another_tenants_administrator_is_no_other_administrator(red, blue):
    assert blue.owner.memberships.get().role == SystemRole.ADMIN

    assert not other_administrators(red.owner.memberships.get())


def test_members_of_other_tenants_do_not_count(red, blue):
    MembershipFactory(tenant=blue.tenant, role=SystemRole.VIEWER)

    with red.scope():
        counts = {column.choice.role: column.members for column in role_columns(red.tenant.id)}

    assert counts == {"admin": 1, "operator": 1, "viewer": 1}


def test_actions_of_other_tenants_are_not_offered(red, blue, now):
    record_event(action="role.created", now=now, tenant_id=red.tenant.id)
    record_event(action="key.created", now=now, tenant_id=blue.tenant.id)

    assert known_actions(tenant_id=red.tenant.id) == ["role.created"]


def test_nobody_rotates_a_key_above_themselves(red, now):
    common = {"created_by": red.owner, "now": now}
    with red.scope():
        new = create_key(
            name="x", codes=["write:device"], expires_at=None, editor_codes=CODES, **common
        )
        with pytest.raises(RoleTooStrong):
            rotate_key(key_id=new.key.id, editor_codes=SYSTEM_ROLES["viewer"], **common)


def test_recovery_codes_are_no_second_factor(red):
    Authenticator.objects.create(
        user=red.owner, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "x"}
    )
    red.tenant.requires_mfa = True
    acting = choose_acting(red.owner, None)

    assert not has_second_factor(red.owner)
    assert lacks_second_factor(red.owner, replace(acting, tenant=red.tenant))


def test_deleting_a_tenants_telemetry_leaves_the_samples_of_others(red, blue, now):
    for team in (red, blue):
        channel = ChannelFactory(device=DeviceFactory(tenant=team.tenant))
        store_samples(channel, every(dt.timedelta(minutes=1), now, [1, 2, 3]))
        RejectedMessageFactory(topic=f"tenant/{team.tenant.id}/gw/x/telemetry")

    erased = {e.what: e.rows for e in erase_telemetry(red.tenant.id, has_broker=False)}

    assert erased["telemetry_sample"] == 3
    assert erased["telemetry_rejectedmessage"] == 1
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.tenant_id, count(*) FROM telemetry_sample s"
            " JOIN devices_channel c ON c.id = s.channel_id GROUP BY 1"
        )
        assert cursor.fetchall() == [(blue.tenant.id, 3)]
