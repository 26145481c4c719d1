"""Readings that a box keeps until they are stored."""

import json

from devices.simulators.kept import KEPT_READINGS, KeptReadings


def kept(count, *, boot=3):
    readings = KeptReadings(boot)
    for n in range(count):
        readings.add("devices/x/power", {"ts": n, "value": n})
    return readings


def numbers(sent):
    return [json.loads(payload)["seq"] for _topic, payload in sent]


def tell(readings, word, **content):
    return readings.hear(word, json.dumps(content).encode())


def test_numbers_readings_from_one_and_sends_each_once():
    readings = kept(3)

    sent = readings.take_unsent()

    assert json.loads(sent[0][1]) == {"ts": 0, "value": 0, "boot": 3, "seq": 1}
    assert numbers(sent) == [1, 2, 3]
    assert readings.take_unsent() == []
    assert len(readings) == 3


def test_a_receipt_is_for_everything_before_it():
    readings = kept(5)

    assert tell(readings, "receipt", boot=3, upto=4) == []

    assert len(readings) == 1
    assert numbers(readings.take_unsent()) == [5]


def test_sends_again_what_is_asked_for_and_still_here():
    readings = kept(9)
    readings.take_unsent()
    tell(readings, "receipt", boot=3, upto=2)

    assert numbers(tell(readings, "backfill", boot=3, ranges=[[1, 3], [7, 99]])) == [3, 7, 8, 9]


def test_ignores_words_about_another_boot_and_nonsense():
    readings = kept(2)

    for boot in (2, None, "3"):
        assert tell(readings, "receipt", boot=boot, upto=2) == []
        assert tell(readings, "backfill", boot=boot, ranges=[[1, 2]]) == []
    assert tell(readings, "backfill", boot=3, ranges=[1, 2]) == []
    assert tell(readings, "receipt", boot=3, upto="all") == []
    assert readings.hear("receipt", b"\xff") == []
    assert len(readings) == 2


def test_drops_the_oldest_when_full():
    readings = kept(KEPT_READINGS + 2)

    assert numbers(readings.take_unsent())[0] == 3
