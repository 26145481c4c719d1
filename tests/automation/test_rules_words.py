"""Rules in words."""

from __future__ import annotations

import pytest
from django.utils import translation

from automation.queries.rule_words import load_words
from automation.words import describe_rule
from tests.automation.making import dry, everything

pytestmark = pytest.mark.django_db


def say(red, definition):
    with red.scope():
        return str(describe_rule(definition, load_words([definition])))


def test_a_rule_is_one_sentence(red, place):
    assert say(red, dry(place)) == (
        "When Bed 3: Soil moisture below 20 % (until 25 %) for 2 min, and if 06:00–20:00 and "
        "Bed 3: Air temperature above 5 °C: Pump 1: Water (For: 60 s), then tell Night shift. "
        "At most once in 10 min."
    )


def test_everything_has_words(red, place):
    assert say(red, everything(place)) == (
        "When a - b above 3 or an alarm is raised (Greenhouse) or Pump 1 goes offline or Pump 1 "
        "switches pump on or Pump 1 has done “Stop” or it is 06:00 or 18:00 or another program "
        "calls its address, and if not (North is controlled by hand or Pump 1 is offline or an "
        "alarm is open (Pump 1)): Pump 1: Stop and wait until it is done, then wait 5 s, then "
        "let North run half automatically, then switch the schedule Morning off, then call "
        "ERP."
    )


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        ({"when": {"kind": "every", "seconds": 900, "from": "08:00", "to": "18:00"},
          "days": [1, 2, 3, 4, 5]}, "15 min have passed again (08:00–18:00) (Mon–Fri)"),
        ({"when": {"kind": "sun", "event": "sunset", "offset": -30}}, "30 min before the sun sets"),
        ({"when": {"kind": "cron", "line": "0 6 * * 1-5"}}, "the cron line 0 6 * * 1-5 fits"),
        ({"when": {"kind": "window", "from": "22:00", "to": "06:00"}, "first": "2026-01-01"},
         "it is 22:00 (from 2026-01-01)"),
    ],
)  # fmt: skip
def test_times_have_words(red, place, schedule, text):
    definition = dry(place, when=[{"kind": "time", "schedule": schedule}])

    assert say(red, definition).startswith(f"When {text}, and if")


def test_what_is_gone_is_named_so(red, blue, place):
    assert "a channel that is gone" in say(blue, dry(place))
    assert "tell something that is gone" in say(blue, dry(place))


def test_it_is_said_in_the_language_of_the_reader(red, place):
    with translation.override("tr"):
        text = say(red, dry(place))
    assert "When" not in text
    assert "Bed 3" in text
