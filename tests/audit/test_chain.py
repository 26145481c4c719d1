"""The audit trail: nothing is lost, changed or seen by others."""

import io
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import InternalError, ProgrammingError, connection, connections, transaction

from accounts.actor import Actor, acting_as
from accounts.models import AuditEvent
from accounts.queries.audit import AuditFilter, list_events, verify_chain
from accounts.services.audit import record_event


def add(tenant_id, now, action="member.invited", **fields):
    return record_event(action=action, now=now, tenant_id=tenant_id, **fields)


@pytest.fixture
def triggers_off(db):
    """Let the test tamper, as an owner of the table could."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent DISABLE TRIGGER USER")
        yield cursor
        cursor.execute("ALTER TABLE accounts_auditevent ENABLE TRIGGER audit_no_change")


def test_numbers_have_no_gaps_and_each_tenant_its_own_chain(red, blue, now):
    for tenant in (red.tenant.id, blue.tenant.id, red.tenant.id, None):
        add(tenant, now)

    events = AuditEvent.objects.order_by("id").values_list("tenant_id", "number")
    assert list(events) == [(red.tenant.id, 1), (blue.tenant.id, 1), (red.tenant.id, 2), (None, 1)]
    assert verify_chain(tenant_id=red.tenant.id) == (2, None)


def test_keeps_who_acted_and_masks_secrets(red, now):
    actor = Actor("user", red.owner.id, red.owner.email, ip_address="192.0.2.7", request_id="r-1")
    with acting_as(actor):
        event = add(
            red.tenant.id,
            now,
            obj=red.tenant,
            detail={"password": "hunter22", "note": "token=abcdefgh", "n": 1.5},
        )
    event.refresh_from_db()

    assert (event.actor_label, event.ip_address) == (red.owner.email, "192.0.2.7")
    assert (event.object_type, event.object_id) == ("accounts.Tenant", str(red.tenant.id))
    assert event.detail == {"password": "********", "note": "********", "n": "1.5"}
    assert verify_chain(tenant_id=red.tenant.id) == (1, None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditevent SET action = 'x'",
        "DELETE FROM accounts_auditevent",
    ],
)
def test_the_database_refuses_changes(red, now, statement):
    add(red.tenant.id, now)

    with (
        pytest.raises((InternalError, ProgrammingError), match="never changed or deleted"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def test_the_database_refuses_to_empty_the_table(red, now, triggers_off):
    triggers_off.execute("ALTER TABLE accounts_auditevent ENABLE TRIGGER audit_no_truncate")
    add(red.tenant.id, now)

    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic():
        triggers_off.execute("TRUNCATE accounts_auditevent")


@pytest.mark.parametrize(
    ("tampering", "number", "reason"),
    [
        ("UPDATE accounts_auditevent SET actor_label = 'x' WHERE number = 3", 3, "was changed"),
        (
            "UPDATE accounts_auditevent SET detail = '{\"a\": 2}' WHERE number = 2",
            2,
            "was changed",
        ),
        ("UPDATE accounts_auditevent SET at = at + interval '1 s' WHERE number = 1", 1, "was"),
        ("DELETE FROM accounts_auditevent WHERE number = 2", 2, "is missing"),
        (
            "UPDATE accounts_auditevent SET previous_hash = repeat('a', 64) WHERE number = 4",
            4,
            "does not follow",
        ),
    ],
)
def test_finds_what_was_tampered_with(red, now, triggers_off, tampering, number, reason):
    for _ in range(5):
        add(red.tenant.id, now, detail={"a": 1})
    triggers_off.execute(tampering)

    held, broken = verify_chain(tenant_id=red.tenant.id)

    assert broken is not None
    assert (held, broken.number) == (number - 1, number)
    assert reason in broken.reason
    with pytest.raises(CommandError):
        call_command("audit_verify", "--tenant", "red", stdout=io.StringIO())


def test_the_command_prints_the_end_of_each_chain(red, now):
    event = add(red.tenant.id, now)
    out = io.StringIO()

    call_command("audit_verify", stdout=out)

    assert f"ok      red: 1 events, the newest is {event.hash}" in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_chain(red, now):
    def write(_number):
        try:
            for _ in range(5):
                add(red.tenant.id, now)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))

    assert verify_chain(tenant_id=red.tenant.id) == (40, None)


def test_an_event_of_a_rolled_back_transaction_leaves_no_gap(red, now):
    add(red.tenant.id, now)
    with pytest.raises(RuntimeError), transaction.atomic():
        add(red.tenant.id, now)
        raise RuntimeError
    add(red.tenant.id, now)

    assert verify_chain(tenant_id=red.tenant.id) == (2, None)


def test_lists_only_the_tenants_events(red, blue, now):
    add(red.tenant.id, now, label="ours")
    add(blue.tenant.id, now, label="theirs")
    add(None, now, label="the platform's")

    found = list_events(tenant_id=red.tenant.id, wanted=AuditFilter())
    nothing = list_events(tenant_id=uuid.uuid4(), wanted=AuditFilter(text="theirs"))

    assert [event.object_label for event in found] == ["ours"]
    assert not nothing.exists()
