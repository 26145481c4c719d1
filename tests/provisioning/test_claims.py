"""Codes and claims: exactly one wins, and only with the code in hand."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import Any

import pytest
from django.db import connection

from accounts.models import AuditEvent, Plan
from accounts.services.refusals import QuotaDevices, Refusal
from accounts.tenancy import all_tenants, tenant_scope
from devices.claim_codes import make_code
from devices.models import (
    Claim,
    ClaimState,
    Device,
    DeviceCertificate,
    Gateway,
    Lifecycle,
    OutboundMessage,
    PendingDevice,
)
from devices.services.bootstrap import BadHello
from devices.services.claim_delivery import (
    CredentialsTaken,
    NoOpenClaim,
    NotClaimed,
    note_ownership,
    note_ready,
    take_credentials,
)
from devices.services.claim_ends import expire_claims
from devices.services.claims import (
    BoxTaken,
    CodeExpired,
    CodeLocked,
    CodeUsed,
    CodeWeak,
    Placement,
    cancel_claim,
    claim_box,
)
from devices.services.devices import register_device
from devices.services.firmware_keys import active_signer
from devices.services.guesses import CodeRefused, TooManyTries
from tests.conftest import Team
from tests.factories import (
    NOW,
    DeviceProfileFactory,
    ProfileChannelFactory,
    SiteFactory,
    TenantFactory,
)
from tests.provisioning.conftest import Box

MINUTE = dt.timedelta(minutes=1)


def place(team: Team, *, is_gateway: bool = False) -> Placement:
    """Return where a box shall stand."""
    profile = DeviceProfileFactory(is_gateway=is_gateway)
    ProfileChannelFactory(profile=profile)
    return Placement(site=SiteFactory(tenant=team.tenant), name="Box", profile=profile)


def claim(team: Team, box: Box, placement: Placement | None = None, **changes: Any) -> Claim:
    """Claim a box as the team's owner."""
    wanted: dict[str, Any] = {
        "hardware_id": box.mac,
        "code": box.code,
        "placement": placement or place(team),
        "claimed_by": team.owner,
        "guesser": [f"person:{team.owner.id}"],
        "now": NOW,
    }
    with team.scope():
        return claim_box(**{**wanted, **changes})


def actions(team: Team) -> list[str]:
    """Return what the audit trail of a team says."""
    return list(
        AuditEvent.objects.filter(tenant_id=team.tenant.id)
        .order_by("number")
        .values_list("action", flat=True)
    )


def test_a_claim_registers_certifies_and_tells_the_box(red: Team, box: Box) -> None:
    box.say_hello()
    found = claim(red, box)
    with red.scope():
        device = Device.objects.get()
        assert (device.uid, device.lifecycle) == ("246f28aabbcc", Lifecycle.CLAIMED)
        assert device.serial_number == "SN-1" and device.channels.count() == 1
        assert DeviceCertificate.objects.get().common_name == str(device.id)
    assert found.state == ClaimState.CLAIMED
    message = OutboundMessage.objects.get()
    assert message.topic == "/bootstrap/246F28AABBCC/claim"
    assert {"device.registered", "claim.started", "certificate.issued"} <= set(actions(red))


def test_a_gateway_box_becomes_a_gateway_with_its_own_device(red: Team, box: Box) -> None:
    box.say_hello()
    claim(red, box, place(red, is_gateway=True))
    with red.scope():
        assert Gateway.objects.get().uid == "246f28aabbcc"
        assert DeviceCertificate.objects.get().common_name == "246f28aabbcc"


def test_the_whole_way_to_ownership(red: Team, box: Box) -> None:
    box.say_hello()
    found = claim(red, box)
    with all_tenants():
        assert note_ready(spelling=box.mac, now=NOW)
        assert note_ready(spelling=box.mac, now=NOW)
    delivered = OutboundMessage.objects.order_by("id").last()
    assert delivered is not None
    told = bytes(delivered.payload).decode()
    assert "BEGIN CERTIFICATE" in told and "PRIVATE KEY" not in told
    assert box.code not in told and box.code_sha256 not in told
    signer = active_signer()
    assert signer is not None
    assert json.loads(told)["firmware"] == {
        "alg": "ed25519", "key": signer.public_key, "fingerprint": signer.fingerprint,
    }  # fmt: skip
    with red.scope():
        device = Device.objects.get()
        assert note_ownership(device=device, is_accepted=True, now=NOW)
        assert not note_ownership(device=device, is_accepted=True, now=NOW)
        found.refresh_from_db()
        device.refresh_from_db()
    assert found.state == ClaimState.OWNED and device.lifecycle == Lifecycle.ACTIVE
    assert "claim.completed" in actions(red)


def test_only_the_hash_of_a_code_is_stored(red: Team, box: Box) -> None:
    box.say_hello()
    claim(red, box)
    with all_tenants(), connection.cursor() as cursor:
        for table in ("devices_pendingdevice", "devices_claim", "accounts_auditevent"):
            cursor.execute(f"SELECT row_to_json(t)::text FROM {table} t")
            assert all(box.code not in row[0] for row in cursor.fetchall())


def test_ownership_that_nobody_offered_is_refused(red: Team, box: Box) -> None:
    box.say_hello()
    claim(red, box)
    with red.scope(), pytest.raises(NoOpenClaim):
        note_ownership(device=Device.objects.get(), is_accepted=True, now=NOW)


def test_the_same_claim_again_is_the_same_claim(red: Team, box: Box) -> None:
    box.say_hello()
    assert claim(red, box).id == claim(red, box, now=NOW + 20 * MINUTE).id
    with red.scope():
        assert Device.objects.count() == DeviceCertificate.objects.count() == 1


def test_nobody_else_claims_it(red: Team, blue: Team, box: Box) -> None:
    box.say_hello()
    claim(red, box)
    with pytest.raises(BoxTaken):
        claim(blue, box)
    with blue.scope():
        assert not Device.objects.exists() and not Claim.objects.exists()


def test_an_owned_box_stays_with_its_owner(red: Team, blue: Team, box: Box) -> None:
    own(red, box)
    box.renew()
    box.say_hello()
    with pytest.raises(BoxTaken):
        claim(blue, box)
    again = claim(red, box)  # a factory reset
    with red.scope():
        assert again.device_id == Device.objects.get().id
        assert DeviceCertificate.objects.filter(revoked_at=None).count() == 1
        assert DeviceCertificate.objects.count() == 2


def own(team: Team, box: Box) -> None:
    """Claim a box and let it confirm."""
    box.say_hello()
    claim(team, box)
    with all_tenants():
        note_ready(spelling=box.mac, now=NOW)
    with team.scope():
        device = Device.objects.get(claims__hardware_id=box.hardware_id)
        note_ownership(device=device, is_accepted=True, now=NOW)


def test_a_used_code_is_worth_nothing(red: Team, box: Box) -> None:
    own(red, box)
    with pytest.raises(CodeUsed):
        claim(red, box)


@pytest.mark.parametrize("code", ["1234", "0" * 40, "ABCDEFGHIJ", "a" * 64, "aB3" * 5])
def test_weak_codes_are_refused_by_their_form(red: Team, box: Box, code: str) -> None:
    box.code = code
    box.say_hello()
    with pytest.raises(CodeWeak):
        claim(red, box)


def test_a_code_may_be_typed_in_groups_and_small_letters(red: Team, box: Box) -> None:
    box.say_hello()
    typed = " " + "-".join(box.code[at : at + 5] for at in range(0, 26, 5)).lower()
    assert claim(red, box, code=typed).state == ClaimState.CLAIMED


def test_a_code_is_good_for_fifteen_minutes(red: Team, box: Box) -> None:
    box.say_hello()
    with pytest.raises(CodeExpired):
        claim(red, box, now=NOW + 15 * MINUTE)


def test_a_repeated_hello_does_not_lengthen_a_code(red: Team, box: Box) -> None:
    box.say_hello()
    box.say_hello(NOW + 10 * MINUTE)
    with pytest.raises(CodeExpired):
        claim(red, box, now=NOW + 16 * MINUTE)


def test_five_wrong_codes_lock_a_box_until_its_next_code(red: Team, box: Box) -> None:
    box.say_hello()
    for number in range(5):
        with pytest.raises(CodeRefused):
            claim(red, box, code=make_code(), guesser=[f"test:{number}"])
    with pytest.raises(CodeLocked):
        claim(red, box, guesser=["test:other"])
    box.renew()
    box.say_hello()
    assert claim(red, box, guesser=["test:other"]).state == ClaimState.CLAIMED


def test_ten_wrong_codes_stop_a_guesser_in_all_boxes(red: Team, box: Box) -> None:
    box.say_hello()
    for _number in range(10):
        with pytest.raises(CodeRefused):
            claim(red, Box(mac="AABBCCDDEEFF"), guesser=["test:guesser"])
    with pytest.raises(TooManyTries):
        claim(red, box, guesser=["test:guesser"])
    later = NOW + 15 * MINUTE
    box.renew()
    box.say_hello(later)
    assert claim(red, box, guesser=["test:guesser"], now=later)


def test_good_claims_are_no_guesses(red: Team, authority: None) -> None:
    placement = place(red)
    for number in range(12):
        box = Box(mac=f"246F28AABB{number:02X}")
        box.say_hello()
        claim(red, box, placement, guesser=["test:busy"])


def test_unknown_boxes_and_wrong_codes_look_the_same(red: Team, box: Box) -> None:
    box.say_hello()
    texts = set()
    for hardware_id in (box.mac, "AABBCCDDEEFF"):
        with pytest.raises(Refusal) as refusal:
            claim(red, box, hardware_id=hardware_id, code=make_code())
        texts.add((refusal.value.code, str(refusal.value)))
    assert len(texts) == 1


def test_the_quota_holds(red: Team, box: Box) -> None:
    red.tenant.plan = Plan.objects.create(name="None", max_devices=0)
    red.tenant.save()
    box.say_hello()
    with pytest.raises(QuotaDevices):
        claim(red, box)
    with red.scope():
        assert not Claim.objects.exists()


def test_an_abandoned_claim_leaves_nothing(red: Team, blue: Team, box: Box) -> None:
    box.say_hello()
    found = claim(red, box, place(red, is_gateway=True))
    assert expire_claims(now=NOW + 29 * MINUTE) == 0
    assert expire_claims(now=NOW + 30 * MINUTE) == 1
    assert expire_claims(now=NOW + 30 * MINUTE) == 0
    with red.scope():
        found.refresh_from_db()
        assert found.state == ClaimState.EXPIRED
        assert not Gateway.objects.exists() and not DeviceCertificate.objects.exists()
    assert "claim.expired" in actions(red)
    box.renew()
    box.say_hello()
    assert claim(blue, box, place(blue, is_gateway=True)).state == ClaimState.CLAIMED


def test_a_cancelled_claim_makes_its_code_worthless(red: Team, box: Box) -> None:
    box.say_hello()
    found = claim(red, box)
    with red.scope():
        cancel_claim(claim_id=found.id, now=NOW)
    with pytest.raises(CodeRefused):
        claim(red, box)


def test_a_registered_device_waits_for_its_box(red: Team, box: Box) -> None:
    placement = place(red)
    with red.scope():
        waiting = register_device(
            site=placement.site, gateway=None, uid="246f28aabbcc", name="Waiting",
            profile=placement.profile,
        )  # fmt: skip
    box.say_hello()
    assert claim(red, box).device_id == waiting.id
    expire_claims(now=NOW + 30 * MINUTE)
    with red.scope():
        assert Device.objects.get().lifecycle == Lifecycle.REGISTERED


def test_no_hello_slips_a_key_under_an_open_claim(red: Team, box: Box) -> None:
    box.say_hello()
    claim(red, box)
    thief = Box()
    thief.say_hello()
    assert PendingDevice.objects.get().code_hash == box.code_sha256
    with all_tenants():
        note_ready(spelling=box.mac, now=NOW)
        assert DeviceCertificate.objects.get().pem == Claim.objects.get().certificate_pem


def test_a_key_of_a_revoked_certificate_is_refused_at_hello(red: Team, box: Box) -> None:
    box.say_hello()
    claim(red, box)
    expire_claims(now=NOW + 30 * MINUTE)
    box.code = make_code()
    with pytest.raises(BadHello, match="revoked"):
        box.say_hello()


def test_a_box_without_a_key_fetches_one_once(red: Team, box: Box) -> None:
    box.say_hello(with_csr=False)
    asked = {"hardware_id": box.mac, "csr": "", "now": NOW}
    with pytest.raises(NotClaimed):
        take_credentials(code=box.code, **asked)
    claim(red, box)
    with pytest.raises(CodeRefused):
        take_credentials(code=make_code(), **asked)
    identity = take_credentials(code=box.code, **asked)
    assert "PRIVATE KEY" in identity.key_pem and "PRIVATE KEY" not in repr(identity)
    with pytest.raises(CredentialsTaken):
        take_credentials(code=box.code, **asked)
    with red.scope():
        assert Claim.objects.get().state == ClaimState.DELIVERED
        assert "PRIVATE KEY" not in Claim.objects.get().certificate_pem


@pytest.mark.django_db(transaction=True)
def test_one_of_fifty_racers_wins(red: Team, box: Box) -> None:
    box.say_hello()
    teams = [TenantFactory() for _ in range(50)]
    profile = DeviceProfileFactory(is_gateway=True)
    placements = [
        Placement(site=SiteFactory(tenant=tenant), name="Box", profile=profile) for tenant in teams
    ]
    results: list[str] = []
    gate = threading.Barrier(50)

    def race(number: int) -> None:
        gate.wait()
        try:
            with tenant_scope(teams[number].id):
                claim_box(
                    hardware_id=box.mac, code=box.code, placement=placements[number],
                    claimed_by=None, guesser=[f"race:{number}"], now=NOW,
                )  # fmt: skip
            results.append("won")
        except Refusal as refusal:
            results.append(refusal.code)
        except Exception as error:  # noqa: BLE001
            results.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["box_taken"] * 49 + ["won"]
    with all_tenants():
        assert Claim.objects.count() == Gateway.objects.count() == 1
        assert DeviceCertificate.objects.count() == 1
