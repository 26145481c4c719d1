"""Batches: a look first, stages, a halt, a second try."""

from __future__ import annotations

import pytest

from accounts.tenancy import all_tenants
from devices.command_states import State
from devices.models import Command, Device, EmergencyStop
from devices.services.batches import (
    Plan,
    advance_batches,
    cancel_batch,
    create_batch,
    preview_batch,
    retry_batch,
)
from devices.services.command_moves import move
from devices.services.command_refusals import BadBatch, BatchEnded, KeyReused, MayNotControl
from tests.commands.conftest import NOW, after
from tests.factories import DeviceFactory, DeviceProfileFactory


@pytest.fixture
def devices(red, device, profile):
    """Six devices of one site."""
    others = [
        DeviceFactory(site=device.site, gateway=None, profile=profile, name=f"D{number}")
        for number in range(5)
    ]
    return [device, *others]


@pytest.fixture
def make(red, devices):
    """Return a function that makes a batch as the operator."""

    def made(**options):
        with red.scope():
            return create_batch(
                **{
                    "actor": red.operator, "devices": devices, "name": "pump_on", "params": {},
                    "plan": Plan(stage_size=2, stage_seconds=10), "idempotency_key": "k",
                    "now": NOW, **options,
                }
            )  # fmt: skip

    return made


def end_open(state=State.DONE, at=NOW):
    """Let the devices answer all that is open."""
    with all_tenants():
        ids = list(Command.objects.filter(state="queued").values_list("id", flat=True))
        move(ids=ids, to=state, at=at, by="device")
    return len(ids)


def advance(at):
    with all_tenants():
        advance_batches(now=at)


class TestPreview:
    def test_says_who_is_skipped_and_why(self, red, device, devices, profile, blue):
        with red.scope():
            Device.objects.filter(id=devices[1].id).update(lifecycle="maintenance")
            EmergencyStop.objects.create(
                scope="device", target_id=devices[2].id, target_label="D1", pressed_at=NOW
            )
            other = DeviceFactory(
                site=device.site, gateway=None, profile=DeviceProfileFactory(), name="meter"
            )
            found = preview_batch(
                actor=red.operator, devices=[*devices, other], name="pump_on", params={}, now=NOW
            )

        codes = {candidate.device.id: candidate.code for candidate in found}
        assert codes[devices[1].id] == "maintenance"
        assert codes[devices[2].id] == "emergency_stop"
        assert codes[other.id] == "unknown_command"
        assert [candidate.code for candidate in found].count("") == 4
        with red.scope():
            assert not Command.objects.exists()

    def test_takes_the_same_queries_however_many(
        self, red, device, devices, profile, django_assert_max_num_queries
    ):
        for _ in range(20):
            devices.append(DeviceFactory(site=device.site, gateway=None, profile=profile))
        with red.scope():
            rows = list(Device.objects.select_related("profile", "gateway", "zone"))
            with django_assert_max_num_queries(12):
                preview_batch(actor=red.operator, devices=rows, name="state", params={}, now=NOW)

    @pytest.mark.parametrize("number", [0, 1001])
    def test_is_for_one_to_a_thousand(self, red, device, number):
        with red.scope(), pytest.raises(BadBatch):
            preview_batch(
                actor=red.operator, devices=[device] * number, name="state", params={}, now=NOW
            )


class TestStages:
    def test_the_next_waits_for_the_last_and_the_pause(self, make):
        batch, _ = make()

        advance(NOW)
        assert end_open(at=after(5)) == 2
        advance(after(9))
        assert end_open() == 0, "the pause"
        advance(after(10))
        advance(after(25))
        assert end_open(at=after(26)) == 2, "one stage at a time"
        advance(after(27))
        assert end_open(at=after(28)) == 2
        advance(after(40))

        batch.refresh_from_db()
        assert batch.state == "finished"

    def test_too_many_failures_halt_it(self, make):
        batch, _ = make()
        advance(NOW)
        end_open(State.ERROR)

        advance(after(10))

        batch.refresh_from_db()
        assert batch.state == "halted"
        assert end_open() == 0

    def test_what_is_refused_meanwhile_counts_as_failed(self, make, devices, red):
        batch, _ = make()
        with red.scope():
            Device.objects.update(lifecycle="maintenance")

        advance(NOW)
        advance(after(10))

        batch.refresh_from_db()
        assert batch.state == "halted"

    def test_cancelling_takes_back_what_has_not_left(self, make, red):
        batch, _ = make()
        advance(NOW)

        with red.scope():
            cancel_batch(actor=red.operator, batch=batch, now=after(1))
            assert set(Command.objects.values_list("state", flat=True)) == {"cancelled"}
            with pytest.raises(BatchEnded):
                cancel_batch(actor=red.operator, batch=batch, now=after(2))
        advance(after(60))

        assert end_open() == 0

    def test_retrying_takes_what_failed(self, make, red):
        batch, _ = make(plan=Plan(stage_size=6))
        advance(NOW)
        with all_tenants():
            ids = list(Command.objects.order_by("id").values_list("id", flat=True))
            move(ids=ids[:2], to=State.ERROR, at=after(1), by="device")
            move(ids=ids[2:], to=State.DONE, at=after(1), by="device")

        with red.scope():
            again, _ = retry_batch(
                actor=red.operator, batch=batch, idempotency_key="r", now=after(2)
            )
            failed = set(Command.objects.filter(state="error").values_list("device_id", flat=True))
            assert set(again.items.values_list("device_id", flat=True)) == failed


class TestTheKey:
    def test_makes_one_batch(self, make):
        assert make()[0] == make()[0]
        assert make()[1]

    def test_is_refused_for_another(self, make):
        make()

        with pytest.raises(KeyReused):
            make(name="pump_off")

    def test_is_for_those_who_may_control(self, make, red):
        with pytest.raises(MayNotControl):
            make(actor=red.viewer)
