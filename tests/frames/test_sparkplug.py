"""Sparkplug B: births, numbers instead of names, sequence, deaths, bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.decoding.frames.reading import FrameError
from telemetry.decoding.frames.sparkplug import Sparkplug
from telemetry.decoding.frames.sparkplug_wire import Payload

T = 1_763_600_000_000
FLOAT, INT32, INT64, BOOLEAN, TEXT = 9, 3, 4, 11, 12


def message(seq: int | None, *metrics: dict[str, Any], timestamp: int = T) -> bytes:
    payload = Payload(timestamp=timestamp)
    if seq is not None:
        payload.seq = seq
    for metric in metrics:
        unit = metric.pop("unit", None)
        added = payload.metrics.add(**metric)
        if unit:
            added.properties.keys.append("engUnit")
            added.properties.values.add(type=TEXT, string_value=unit)
    return payload.SerializeToString()


def birth(sparkplug: Sparkplug, node: str = "edge") -> None:
    sparkplug.decode(
        f"spBv1.0/plant/NBIRTH/{node}",
        message(0, {"name": "bdSeq", "datatype": INT64, "long_value": 7}),
    )
    sparkplug.decode(
        f"spBv1.0/plant/DBIRTH/{node}/meter",
        message(
            1,
            {"name": "Power", "alias": 4, "datatype": FLOAT, "float_value": 23.4, "unit": "kW"},
            {"name": "Level", "alias": 5, "datatype": INT32, "int_value": 1},
        ),
    )


def test_a_birth_holds_values_with_units() -> None:
    sparkplug = Sparkplug()

    [power, text] = [
        *sparkplug.decode(
            "spBv1.0/plant/DBIRTH/edge/meter",
            message(
                0,
                {"name": "Power", "alias": 4, "datatype": FLOAT, "float_value": 23.4, "unit": "kW"},
                {"name": "Model", "datatype": TEXT, "string_value": "X"},
                {"name": "Door", "datatype": BOOLEAN, "boolean_value": True},
            ),
        ).readings
    ]

    assert (power.name, power.value, power.unit, power.device) == ("Power", 23.4, "kW", "meter")
    assert power.time == T * 1000
    assert (text.name, text.value) == ("Door", 1.0)


def test_data_name_their_metrics_by_number() -> None:
    sparkplug = Sparkplug()
    birth(sparkplug)

    frames = sparkplug.decode(
        "spBv1.0/plant/DDATA/edge/meter",
        message(
            2,
            {"alias": 4, "float_value": 24.5, "timestamp": T + 5},
            {"alias": 5, "int_value": 2**32 - 3},
            {"alias": 4, "is_null": True},
        ),
    )

    assert [(r.name, r.value, r.unit) for r in frames.readings] == [
        ("Power", 24.5, "kW"),
        ("Level", -3, ""),
    ]
    assert frames.readings[0].time == (T + 5) * 1000
    assert not frames.problems


def test_numbers_belong_to_one_node_and_one_device() -> None:
    sparkplug = Sparkplug()
    birth(sparkplug)

    for topic in ("spBv1.0/plant/DDATA/other/meter", "spBv1.0/plant/DDATA/edge/pump"):
        frames = sparkplug.decode(topic, message(2, {"alias": 4, "float_value": 1}))
        assert not frames.readings
        assert frames.problems[0][0] == "unknown_alias"
    elsewhere = sparkplug.decode(
        "spBv1.0/plant/DDATA/edge/meter", message(2, {"alias": 4, "float_value": 1}), scope="T2"
    )

    assert not elsewhere.readings


def test_asks_once_for_a_birth_until_one_comes() -> None:
    sparkplug = Sparkplug()

    def asked() -> list[str]:
        data = message(5, {"alias": 4, "float_value": 1})
        answers = [sparkplug.decode("spBv1.0/plant/NDATA/edge", data).answer for _ in range(2)]
        return [answer[0] for answer in answers if answer]

    assert asked() == ["spBv1.0/plant/NCMD/edge"]
    assert asked() == []
    birth(sparkplug)
    assert asked() == ["spBv1.0/plant/NCMD/edge"]


def test_the_request_is_a_command_of_the_node() -> None:
    sparkplug = Sparkplug()
    data = message(5, {"alias": 4, "float_value": 1})

    answer = sparkplug.decode("spBv1.0/plant/NDATA/edge", data).answer

    assert answer is not None
    [metric] = Payload.FromString(answer[1]).metrics
    assert (metric.name, metric.boolean_value) == ("Node Control/Rebirth", True)
    assert sparkplug.decode(*answer).readings == []


@pytest.mark.parametrize(
    ("numbers", "is_asked"),
    [((2,), False), ((2, 2), False), ((2, 4), True), ((*range(2, 256), 0, 1), False), ((3,), True)],
)
def test_notices_a_gap_but_not_a_repetition_nor_the_turn_at_256(
    numbers: tuple[int, ...], is_asked: bool
) -> None:
    sparkplug = Sparkplug()
    birth(sparkplug)

    answers = []
    for seq in numbers:
        data = message(seq, {"name": "uptime", "datatype": INT64, "long_value": 5})
        frames = sparkplug.decode("spBv1.0/plant/NDATA/edge", data)
        assert (len(frames.readings), frames.problems) == (1, [])
        answers.append(frames.answer)

    assert any(answers) is is_asked


def test_a_death_of_an_earlier_life_is_passed_over() -> None:
    sparkplug = Sparkplug()
    birth(sparkplug)
    death = "spBv1.0/plant/NDEATH/edge"
    data = "spBv1.0/plant/DDATA/edge/meter"

    sparkplug.decode(death, message(None, {"name": "bdSeq", "long_value": 6}))
    assert sparkplug.decode(data, message(2, {"alias": 4, "float_value": 1})).readings
    sparkplug.decode(death, message(None, {"name": "bdSeq", "long_value": 7}))
    assert not sparkplug.decode(data, message(3, {"alias": 4, "float_value": 1})).readings


def test_forgets_the_longest_silent_node() -> None:
    sparkplug = Sparkplug(max_nodes=2)
    for node in ("a", "b", "c"):
        birth(sparkplug, node)

    def knows(node: str) -> bool:
        data = message(2, {"alias": 4, "float_value": 1})
        return bool(sparkplug.decode(f"spBv1.0/plant/DDATA/{node}/meter", data).readings)

    assert [knows(node) for node in ("c", "b", "a")] == [True, True, False]


def test_refuses_numbers_that_are_none() -> None:
    frames = Sparkplug().decode(
        "spBv1.0/plant/NDATA/edge",
        message(0, {"name": "x", "datatype": FLOAT, "float_value": float("nan")}),
    )

    assert (frames.readings, frames.problems[0][0]) == ([], "not_finite")


@pytest.mark.parametrize(
    "topic",
    ["spBv1.0/plant/NBIRTH", "spAv1.0/plant/NBIRTH/edge", "spBv1.0/plant/DBIRTH/edge", "x",
     "spBv1.0/plant/NBIRTH/edge/device", "spBv1.0/plant/NODE/edge"],
)  # fmt: skip
def test_refuses_other_topics(topic: str) -> None:
    with pytest.raises(FrameError, match="Sparkplug"):
        Sparkplug().decode(topic, b"")


@given(st.binary(max_size=200), st.sampled_from(["NBIRTH", "NDATA", "NDEATH", "NCMD"]))
def test_any_bytes_are_read_or_refused(data: bytes, kind: str) -> None:
    try:
        Sparkplug().decode(f"spBv1.0/plant/{kind}/edge", data)
    except FrameError as error:
        assert error.code == "bad_payload"
