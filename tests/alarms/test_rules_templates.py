"""Shipped rules are right, and added disabled."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation

from alarms.models import AlarmRule
from alarms.queries.rules import newest_versions, unit_of_metric
from alarms.rules.definition import read_rule, write_rule
from alarms.rules.text import check_text
from alarms.services.rule_refusals import RuleRefused
from alarms.services.rule_templates import add_template
from alarms.shipped import TEMPLATES, RuleTemplate
from alarms.words import describe_rule
from devices.builtin_profiles import builtin_profiles
from tests.conftest import Team
from tests.factories import ChannelFactory, DeviceFactory, DeviceProfileFactory


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=lambda template: template.code)
def test_every_template_is_a_rule(template: RuleTemplate) -> None:
    definition = dict(template.definition)

    assert write_rule(read_rule(definition)) == definition
    assert describe_rule(definition, unit_of_metric(template.metrics[0]))
    assert not template.profile or template.profile in builtin_profiles()
    check_text(template.text)
    with translation.override("tr"):
        for text in filter(None, (template.name, template.about, template.text, template.advice)):
            assert translation.gettext(text) != text
            check_text(translation.gettext(template.text))


@pytest.mark.parametrize("code", TEMPLATES)
def test_each_is_added_disabled_and_once(red: Team, now: dt.datetime, code: str) -> None:
    with red.scope():
        (rule,) = add_template(code=code, made_by=red.owner, now=now)

        assert not rule.is_enabled
        assert rule.metric == TEMPLATES[code].metrics[0]
        with pytest.raises(RuleRefused) as error:
            add_template(code=code, now=now)
        assert error.value.code == "name_taken"


def test_there_is_a_rule_for_each_phase_that_is_measured(red: Team, now: dt.datetime) -> None:
    device = DeviceFactory(tenant=red.tenant)
    for phase in ("l1", "l3"):
        ChannelFactory(device=device, name=f"voltage_{phase}", unit="V")
    with red.scope():
        rules = add_template(code="overvoltage", now=now)

        assert [(rule.name, rule.metric) for rule in rules] == [
            ("Overvoltage (L1)", "voltage_l1"), ("Overvoltage (L3)", "voltage_l3"),
        ]  # fmt: skip


def test_silence_is_three_intervals(red: Team, now: dt.datetime) -> None:
    profile = DeviceProfileFactory(expected_interval_seconds=900)
    device = DeviceFactory(tenant=red.tenant, profile=profile)
    ChannelFactory(device=device, name="active_power_net")
    with red.scope():
        (rule,) = add_template(code="no_data", now=now)

        version = newest_versions([rule])[rule.id]
        assert rule.metric == "active_power_net"
        assert version.definition["when"] == {"kind": "no_data", "seconds": 2700}


def test_texts_are_in_the_language_of_who_adds(red: Team, now: dt.datetime) -> None:
    with red.scope(), translation.override("tr"):
        add_template(code="stale_air", now=now)

        assert AlarmRule.objects.get().name == "Bayat hava"


def test_others_are_refused(red: Team, now: dt.datetime) -> None:
    with red.scope(), pytest.raises(RuleRefused) as error:
        add_template(code="perpetual_motion", now=now)

    assert error.value.code == "unknown_template"
