"""Rules in words."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from alarms.rules.definition import Slot
from alarms.words import describe_rule, describe_week, length


@pytest.mark.parametrize(
    ("definition", "unit", "english", "turkish"),
    [
        ({"when": {"kind": "threshold", "above": 30, "clear_above": 28}, "for_seconds": 300}, "Cel",
         "Value above 30 °C, for 5 min; ends at or below 28 °C",
         "Değer 30 °C üzerinde, 5 dk boyunca; 28 °C ve altında biter"),
        ({"when": {"kind": "threshold", "above": 253.5, "below": 207, "clear_below": 210},
          "times": 3, "clear_seconds": 90}, "V",
         "Value above 253.5 V or below 207 V, 3 readings in a row; ends at or above 210 V, "
         "for 1 min 30 s", ""),
        ({"when": {"kind": "rate", "above": 2, "below": -1500}}, "kW",
         "Rise of more than 2 kW a minute or Fall of more than 1,500 kW a minute", ""),
        ({"when": {"kind": "rate", "below": 0}}, "s", "Any fall", "Herhangi bir düşüş"),
        ({"when": {"kind": "rate", "above": -1, "clear_above": -2}}, "kW",
         "Change above -1 kW a minute; ends at or below -2 kW", ""),
        ({"when": {"kind": "last_week", "above": 20, "clear_above": 10}}, "kW",
         "More than 20 % above the same time last week; ends at or below 10 %",
         "Geçen hafta aynı zamana göre %20 değerinden fazla yüksek; %10 ve altında biter"),
        ({"when": {"kind": "last_week", "below": -50}, "clear_seconds": 60}, "kW",
         "More than 50 % below the same time last week; ends when all right for 1 min", ""),
        ({"when": {"kind": "state", "values": [1, 2, 5]}}, "",
         "State is 1, 2 or 5", "Durum: 1, 2 ya da 5"),
        ({"when": {"kind": "no_data", "seconds": 180},
          "active": [{"days": [1, 2, 3, 4, 5], "from": "08:00", "to": "18:00"}]}, "kW",
         "No data for 3 min; only Mon–Fri 08:00–18:00",
         "3 dk boyunca veri yok; yalnızca Pzt–Cum 08:00–18:00"),
    ],
)  # fmt: skip
def test_a_rule_is_said_in_one_line(
    definition: dict[str, Any], unit: str, english: str, turkish: str
) -> None:
    assert describe_rule(definition, unit) == english
    if turkish:
        with translation.override("tr"):
            assert describe_rule(definition, unit) == turkish


@pytest.mark.parametrize(
    ("slots", "text"),
    [
        ([Slot()], "all day"),
        ([Slot(days=(6, 7))], "Sat, Sun"),
        ([Slot(days=(7, 1, 2, 3), start="22:00", end="06:00")], "Mon–Wed, Sun 22:00–06:00"),
        ([Slot(start="12:00", end="13:00"), Slot(days=(1,))], "12:00–13:00, Mon"),
    ],
)
def test_parts_of_the_week_are_short(slots: list[Slot], text: str) -> None:
    assert describe_week(slots) == text


def test_lengths_of_time_are_exact() -> None:
    assert [length(s) for s in (0, 30, 90, 3600, 90_061)] == [
        "0 s", "30 s", "1 min 30 s", "1 h", "1 d 1 h 1 min 1 s",
    ]  # fmt: skip
