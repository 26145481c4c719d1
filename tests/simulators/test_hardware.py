"""The limits that hold next to the hardware."""

import pytest

from devices.simulators.hardware import InEmergency


def test_what_runs_ends_by_itself(hardware, clock, stops):
    hardware.switch_on("relay1", seconds=5)
    clock.now += 4.9
    hardware.check()
    assert hardware.states() == {"relay1": True}

    clock.now += 0.1
    hardware.check()

    assert hardware.states() == {"relay1": False}
    assert stops == [("relay1", "runtime_protection")]


def test_nothing_runs_longer_than_the_longest_run(hardware, clock):
    hardware.longest_run = 10
    hardware.switch_on("relay1")
    hardware.switch_on("relay2", seconds=3600)

    clock.now += 10
    hardware.check()

    assert hardware.states() == {"relay1": False, "relay2": False}


def test_everything_is_off_when_the_link_is_lost_for_too_long(hardware, clock, stops):
    hardware.switch_on("relay1", seconds=300)
    hardware.note_link(is_up=False)
    clock.now += 29
    hardware.note_link(is_up=False)  # tries again, still away
    hardware.check()
    assert hardware.states() == {"relay1": True}

    clock.now += 1
    hardware.check()

    assert stops == [("relay1", "link_loss")]


def test_a_short_loss_changes_nothing(hardware, clock, stops):
    hardware.switch_on("relay1", seconds=300)
    hardware.note_link(is_up=False)
    clock.now += 20
    hardware.note_link(is_up=True)
    clock.now += 20
    hardware.check()

    assert stops == []


def test_an_emergency_holds_until_it_is_cleared(hardware, stops):
    hardware.switch_on("relay1")

    hardware.press_emergency()

    assert stops == [("relay1", "emergency_stop")]
    with pytest.raises(InEmergency):
        hardware.switch_on("relay1")
    hardware.clear_emergency()
    hardware.switch_on("relay1")
    assert hardware.states() == {"relay1": True}


def test_the_limits_hold_without_the_rest_of_the_box(hardware, clock, stops):
    """Its own thread ends what runs, while nothing else of the box does anything."""
    import time

    hardware.switch_on("relay1", seconds=5)
    hardware.start()
    clock.now += 5
    deadline = time.monotonic() + 60
    while not stops and time.monotonic() < deadline:
        time.sleep(0.01)
    hardware.close()

    assert stops == [("relay1", "runtime_protection")]
