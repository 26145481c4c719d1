"""What was cleared by hand stays over, until it is wrong anew."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts.tenancy import all_tenants
from alarms.models import Alarm, Source
from alarms.services.life import Chosen, Outcome, clear_alarms
from alarms.services.raising import Sign, clear_alarm, raise_alarm
from tests.alarms.watchman import START, alarms_of
from tests.factories import NOW, ChannelFactory

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
HIGH = {"when": {"kind": "threshold", "above": 30, "clear_above": 28}}
MINUTE = dt.timedelta(minutes=1)


def clear_by_hand(team, seconds):
    """Clear the open alarm; return what became of it."""
    with team.scope():
        [alarm] = Alarm.objects.filter(ending="")
        at = START + dt.timedelta(seconds=seconds)
        [result] = clear_alarms(Chosen([alarm.id]), by=team.operator, now=at)
    return result.outcome


def test_the_rule_that_raised_it_waits_until_values_were_right(red, watchman):
    channel = ChannelFactory(tenant=red.tenant)
    watchman.rule(channel, HIGH)
    watchman.look(0)
    watchman.send(channel, [(0, 20), (10, 40)])
    watchman.look(15)

    assert clear_by_hand(red, 20) is Outcome.DONE
    watchman.send(channel, [(30, 41)])
    watchman.look(35)
    watchman.restart()
    watchman.send(channel, [(40, 42)])
    watchman.look(45)

    assert alarms_of(channel) == [(10.0, 20.0, 40.0)]

    watchman.send(channel, [(50, 20), (60, 45)])
    watchman.look(65)

    assert alarms_of(channel) == [(10.0, 20.0, 40.0), (60.0, None, 45.0)]


def test_late_samples_do_not_undo_it(red, watchman):
    channel = ChannelFactory(tenant=red.tenant)
    watchman.rule(channel, HIGH)
    watchman.look(0)
    watchman.send(channel, [(0, 20), (20, 40)])
    watchman.look(25)
    clear_by_hand(red, 30)

    watchman.send(channel, [(10, 39), (40, 41)])
    watchman.look(45)

    with all_tenants():
        endings = set(Alarm.objects.values_list("ending", flat=True))
    assert endings == {"by_hand"}


@pytest.mark.django_db
@pytest.mark.parametrize("source", [Source.DEVICE, Source.SYSTEM])
def test_what_devices_and_the_platform_say_again_is_new_only_when_it_began_anew(red, source):
    sign = Sign(
        tenant_id=red.tenant.id, key="k", source=source, code="HOT", title="Hot", subject="s",
        severity="warning",
    )  # fmt: skip
    with red.scope():
        alarm = raise_alarm(sign, at=NOW, now=NOW)
        clear_alarms(Chosen([alarm.id]), by=None, now=NOW + MINUTE)

        again = raise_alarm(sign, at=NOW, now=NOW + 2 * MINUTE)
        over = clear_alarm(red.tenant.id, "k", at=NOW + 3 * MINUTE, now=NOW + 3 * MINUTE)
        anew = raise_alarm(sign, at=NOW + 4 * MINUTE, now=NOW + 4 * MINUTE)

    assert again.id == alarm.id
    assert over is None
    assert anew.id != alarm.id
    assert not anew.ending
