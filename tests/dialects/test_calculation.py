"""Raw numbers to values, without a database."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.builtin_profiles import builtin_profiles
from devices.parameters import check_configuration
from devices.sensor_calculation import CalculationError, Sensor, calculate, read_sensors


def sensor(method: str, *, compensation: str = "", **numbers: float) -> Sensor:
    return Sensor(34, "ph", method=method, numbers=numbers, compensation=compensation)


@pytest.mark.parametrize(
    ("given_sensor", "raw", "temperature", "value"),
    [
        (sensor("linear", slope=0.5), 10, None, 5),
        (sensor("linear", slope=0.5, offset=-1), 10, None, 4),
        (sensor("polynomial", c0=1, c1=2, c2=3, c3=4), 2, None, 1 + 4 + 12 + 32),
        (sensor("polynomial", c2=3), 2, None, 12),
        (sensor("two_point", raw_low=0, value_low=4, raw_high=10, value_high=7), 5, None, 5.5),
        (sensor("two_point", raw_low=0, value_low=4, raw_high=10, value_high=7), 20, None, 10),
        (sensor("linear", slope=1, compensation="ec", coefficient=0.02), 1.1, 30, 1.0),
        (sensor("linear", slope=1, compensation="ec"), 1.0, 25, 1.0),
        (sensor("linear", slope=1, compensation="ec"), 1.0, None, 1.0),
        (sensor("linear", slope=1, compensation="ph"), 7.0, 5, 7.0),
        (sensor("linear", slope=1, compensation="ph"), 4.0, 25, 4.0),
    ],
)
def test_calculates(
    given_sensor: Sensor, raw: float, temperature: float | None, value: float
) -> None:
    assert calculate(given_sensor, raw, temperature=temperature) == pytest.approx(value)


@pytest.mark.parametrize(
    ("given_sensor", "raw", "temperature"),
    [
        (sensor("linear"), 10, None),
        (sensor("cubic"), 10, None),
        (sensor("polynomial"), 10, None),
        (sensor("two_point", raw_low=1, value_low=1, raw_high=1, value_high=2), 1, None),
        (sensor("two_point", raw_low=1, raw_high=2), 1, None),
        (sensor("polynomial", c3=1e300), 1e200, None),
        (sensor("linear", slope=1, compensation="ec"), 1, 5000),
        (sensor("linear", slope=1, compensation="salt"), 1, 20),
        (sensor("linear", slope=1, compensation="ec", coefficient=0.05), 1, 5),
    ],
)
def test_says_why_it_cannot(given_sensor: Sensor, raw: float, temperature: float | None) -> None:
    with pytest.raises(CalculationError, match=r"\w+"):
        calculate(given_sensor, raw, temperature=temperature)


@given(
    st.sampled_from(["linear", "polynomial", "two_point", "x"]),
    st.dictionaries(
        st.sampled_from(
            ["slope", "offset", "c0", "c3", "raw_low", "raw_high", "value_low", "value_high"]
        ),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_gives_a_finite_number_or_says_why(
    method: str, numbers: dict[str, float], raw: float
) -> None:
    try:
        assert math.isfinite(calculate(Sensor(1, "x", method=method, numbers=numbers), raw))
    except CalculationError:
        pass


@given(st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["sensors", "gpio", "type", "calculation"]), inner),
))  # fmt: skip
def test_reads_any_configuration(body: object) -> None:
    read_sensors(body)
    read_sensors({"sensors": [body]})


def test_the_profile_of_the_node_allows_every_calculation() -> None:
    profile = builtin_profiles()["esp32-node"]
    entry = {
        "gpio": 34, "type": "ph", "unit": "pH",
        "calculation": {
            "method": "two_point", "raw_low": 1500, "value_low": 4.01, "raw_high": 2150,
            "value_high": 7.0, "compensation": "ph", "temperature_gpio": 4,
        },
    }  # fmt: skip

    assert check_configuration({"sensors": [entry]}, profile.parameters) == []
    assert read_sensors({"sensors": [entry]})[34, "ph"].temperature_gpio == 4
