"""Register maps: what they say, and how they are told what is wrong with them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.builtin_profiles import builtin_profiles
from devices.modbus.fields import BadRegisterMap
from devices.modbus.maps import ENERGY, IDENTITY, POWER, rate_of, read_map
from devices.modbus.types import Order
from devices.modbus.writes import BadWriteValue
from tools.paths import ROOT

ROW = {"metric": "voltage_l1", "address": 0, "type": "float32"}
LIMIT = {"command": "limit", "address": 9, "type": "uint16", "scale": 0.1, "unit": "%",
         "min": 0, "max": 100, "step": 0.5}  # fmt: skip


def problems(raw: object) -> list[str]:
    with pytest.raises(BadRegisterMap) as error:
        read_map(raw)  # type: ignore[arg-type]
    return error.value.problems


def test_says_for_all_rows_what_a_row_does_not_say() -> None:
    found = read_map({
        "function": 4, "order": "CDAB",
        "registers": [ROW, ROW | {"metric": "b", "address": 2, "function": 3, "order": "DCBA"}],
    })  # fmt: skip

    assert [(row.function, row.order) for row in found.registers] == [
        (4, Order.CDAB),
        (3, Order.DCBA),
    ]


@pytest.mark.parametrize(
    ("word", "byte", "order"),
    [
        ("big", "big", "ABCD"),
        ("little", "big", "CDAB"),
        ("big", "little", "BADC"),
        ("little", "little", "DCBA"),
    ],
)
def test_an_order_can_be_said_in_two_words(word, byte, order) -> None:
    of_map = read_map({"word_order": word, "byte_order": byte, "registers": [ROW]})
    of_row = read_map({"registers": [ROW | {"word_order": word, "byte_order": byte}]})

    assert of_map.registers[0].order == of_row.registers[0].order == order


def test_a_row_that_says_one_of_the_two_words_takes_the_other_from_the_map() -> None:
    found = read_map({"order": "BADC", "registers": [ROW | {"word_order": "little"}]})

    assert found.registers[0].order == "DCBA"


def test_addresses_from_one_on_are_turned_into_those_on_the_wire() -> None:
    found = read_map({
        "one_based": True,
        "registers": [ROW | {"address": 3028}],
        "identity": {"serial": {"address": 130, "type": "uint32"}},
        "writes": [LIMIT | {"address": 10, "before": [{"address": 12, "value": 5}],
                            "scale_register": 20}],
    })  # fmt: skip

    assert found.registers[0].address == 3027
    assert found.identity[0].address == 129
    assert (found.writes[0].address, found.writes[0].before[0].address) == (9, 11)
    assert found.writes[0].scale_register == 19
    assert any("1 to" in text for text in problems({"one_based": True, "registers": [ROW]}))


def test_addresses_may_be_written_as_in_manuals() -> None:
    assert read_map({"registers": [ROW | {"address": "0x4A38"}]}).registers[0].address == 19_000


@pytest.mark.parametrize(
    ("metric", "unit", "type_name", "rate"),
    [
        ("power_active_total", "W", "float32", POWER),
        ("energy_import", "kWh", "float32", ENERGY),
        ("energy_active_import_total", "", "float32", ENERGY),
        ("my_counter", "MWh", "uint32", ENERGY),
        ("gas_volume", "", "uint32", ENERGY),
        ("something", "", "uint16", POWER),
        ("serial", "", "string", IDENTITY),
    ],
)
def test_counters_are_read_seldom_and_texts_once(metric, unit, type_name, rate) -> None:
    assert rate_of(metric, unit, type_name) == rate


def test_rows_are_shared_out_by_rate() -> None:
    found = read_map({
        "registers": [ROW, {"metric": "energy_import", "address": 4, "type": "float32"},
                      {"metric": "w", "address": 6, "type": "uint16", "rate": "energy"},
                      {"metric": "name", "address": 8, "type": "string", "words": 4}],
        "identity": {"serial": {"address": 20, "type": "uint32"}},
    })  # fmt: skip

    assert [row.metric for row in found.of_rate(POWER)] == ["voltage_l1"]
    assert [row.metric for row in found.of_rate(ENERGY)] == ["energy_import", "w"]
    assert [row.metric for row in found.of_rate(IDENTITY)] == ["serial", "name"]
    assert {row.rate for row in found.identity} == {IDENTITY}


@pytest.mark.parametrize(
    ("invalid", "type_name", "patterns"),
    [
        ("ones", "uint32", {0xFFFFFFFF}),
        ("max", "int16", {0x7FFF}),
        ("min", "int64", {1 << 63}),
        ([0, "0xFFFE"], "uint16", {0, 0xFFFE}),
        ([], "uint16", set()),
        (None, "uint16", {0xFFFF}),
        (None, "int16", {0x7FFF}),
        (None, "float32", set()),
        (None, "acc32", {0, 0xFFFFFFFF}),
    ],
)
def test_patterns_that_mean_no_value(invalid, type_name, patterns) -> None:
    row = {"metric": "m", "address": 0, "type": type_name}
    row |= {} if invalid is None else {"invalid": invalid}

    found = read_map({"invalid": {"unsigned": "ones", "signed": "max"}, "registers": [row]})

    assert found.registers[0].invalid == patterns


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ({"registers": [ROW, ROW | {"address": 2, "type": "float99"}]},
         "registers, row 2 (voltage_l1), type: is one of int16"),
        ({"registers": [{"metric": "m", "address": 0}]}, "row 1 (m), type: must be given"),
        ({"registers": [{"address": 0, "type": "int16"}]}, "row 1, metric: must be given"),
        ({"registers": [{"metric": "m", "type": "int16"}]}, "row 1 (m), address: must be given"),
        ({"registers": [ROW | {"address": 65_535}]}, "from 0 to 65534, not 65535"),
        ({"registers": [ROW | {"address": True}]}, "address: is a whole number"),
        ({"registers": [ROW | {"address": "30x"}]}, "address: is a whole number"),
        ({"registers": [ROW | {"scale": 0}]}, "scale: must not be 0"),
        ({"registers": [ROW | {"scale": "0.1"}]}, "scale: is a number, not '0.1'"),
        ({"registers": [ROW | {"scale": float("nan")}]}, "scale: is a finite number"),
        ({"registers": [ROW | {"function": 5}]}, "function: is one of 1, 2, 3, 4, not 5"),
        ({"registers": [ROW | {"order": "BACD"}]}, "order: is one of ABCD, CDAB"),
        ({"registers": [ROW | {"colour": 1}]}, "colour: unknown; known are metric"),
        ({"registers": [ROW | {"words": 3}]}, "words: float32 has 2 words"),
        ({"registers": [ROW | {"min": 5, "max": 4}]}, "min: is above max"),
        ({"registers": [ROW | {"invalid": ["nan"]}]}, "invalid: lists bit patterns of 32 bits"),
        ({"registers": [ROW | {"type": "string"}]}, "words: string needs its number of words"),
        ({"registers": [ROW | {"type": "bit"}]}, "type bit of a register needs bit, 0 to 15"),
        ({"registers": [ROW | {"bit": 2}]}, "bit is for the types bit and bits"),
        ({"registers": [ROW | {"function": 1}]}, "function 1 reads single bits; write type: bit"),
        ({"registers": [ROW | {"scale_register": 500}]}, "max_block is too small"),
        ({"registers": [ROW, ROW | {"address": 2}]}, "voltage_l1 stands there twice"),
        ({"registers": [ROW, {"metric": "m", "address": 1, "type": "uint16"}]},
         "voltage_l1 (0, 2 words) and m (1) overlap"),
        ({"registers": [ROW | {"type": "uint64"}, {"metric": "a", "address": 1, "type": "int16"},
                        {"metric": "b", "address": 3, "type": "int16"}]}, "and b (3) overlap"),
        ({"registers": 3}, "registers: must be a list"),
        ({"registers": [3]}, "registers, row 1: must be an object"),
        ({"max_block": 126}, "max_block: is a whole number from 1 to 125, not 126"),
        ({"function": [3]}, "function: is one of 1, 2, 3, 4"),
        ({"one_based": 1}, "one_based: is true or false"),
        ({"probe": {"metric": "x", "min": 1, "max": 2}, "registers": [ROW]},
         "'x' is not the metric of a row"),
        ({"probe": {"metric": "voltage_l1", "min": 3}, "registers": [ROW]}, "probe, min: min and"),
        ({"identity": {"serial": 5}}, "identity (serial): must be an object"),
        ({"sunspec": "meter", "registers": [ROW]}, "remove one of both"),
        ({"writes": [LIMIT, LIMIT]}, "limit stands there twice"),
        ({"writes": [{"command": "c", "address": 0}]}, "nothing is written without limits"),
        ({"writes": [LIMIT | {"function": 5}]}, "function: 5 and 15 write the type bit"),
        ({"writes": [LIMIT | {"type": "uint32", "function": 6}]}, "6 writes one word"),
        ({"writes": [LIMIT | {"step": 0}]}, "step: must be above 0"),
        ({"writes": [LIMIT | {"before": [{"address": 1, "value": 70_000}]}]},
         "before, row 1, value: uint16 takes whole numbers from 0 to 65535"),
        ([], "register map: must be an object"),
    ],
)  # fmt: skip
def test_says_which_row_and_field_is_wrong_and_what_to_write(raw, told) -> None:
    assert any(told in text for text in problems(raw)), problems(raw)


def test_tells_all_that_is_wrong_at_once_but_not_without_end() -> None:
    rows = [{"metric": f"m{n}", "address": -1, "type": "x"} for n in range(30)]

    with pytest.raises(BadRegisterMap) as error:
        read_map({"registers": rows})

    assert len(error.value.problems) > 60
    assert len(str(error.value).splitlines()) == 21


def test_bits_of_one_word_may_share_it() -> None:
    bits = [{"metric": f"b{n}", "address": 7, "type": "bit", "bit": n} for n in range(3)]

    assert len(read_map({"registers": bits}).registers) == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 70_000) | st.floats() | st.text(max_size=5)
    | st.sampled_from(["ABCD", "uint16", "string", "bit", "ones", "power", "inverter"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["metric", "address", "type", "registers", "writes", "identity", "probe",
                         "invalid", "words", "bit", "function", "scale", "before", "order"]),
        inner, max_size=6),
    max_leaves=25,
)  # fmt: skip


@given(JSON)
def test_whatever_it_is_given_it_reads_it_or_says_what_is_wrong(raw) -> None:
    try:
        read_map(raw)
    except BadRegisterMap as error:
        assert error.problems


def test_a_value_is_written_within_limits_and_steps() -> None:
    row = read_map({"writes": [LIMIT]}).writes[0]

    assert [(one.function, one.address, one.values) for one in row.requests(12.5)] == [
        (6, 9, (125,))
    ]
    for value in (-0.5, 100.5, 12.3, None, float("nan"), float("inf")):
        with pytest.raises(BadWriteValue, match="limit"):
            row.requests(value)


def test_a_value_of_two_words_is_written_in_one_request_and_read_back() -> None:
    item = {"command": "c", "address": 4, "type": "float32", "min": 0, "max": 10}

    [write] = read_map({"order": "CDAB", "writes": [item]}).writes[0].requests(1.5)

    assert (write.function, write.values, write.read_function) == (16, (0, 0x3FC0), 3)
    assert write.is_checked


def test_a_value_between_two_numbers_of_the_type_is_refused() -> None:
    row = read_map({"writes": [LIMIT | {"step": None, "scale": 1}]}).writes[0]

    with pytest.raises(BadWriteValue, match="whole numbers"):
        row.requests(12.5)


def test_a_coil_is_set_and_read_back_as_one() -> None:
    row = read_map({"writes": [{"command": "on", "address": 3, "type": "bit", "value": 1}]}).writes[
        0
    ]

    [write] = row.requests()

    assert (write.function, write.values, write.read_function) == (5, (1,), 1)


def test_a_map_knows_its_commands() -> None:
    found = read_map({"writes": [LIMIT]})

    assert found.write_of("limit") is found.writes[0]
    assert found.write_of("restart") is None


@pytest.mark.parametrize("key", sorted(builtin_profiles()))
def test_every_shipped_map_can_be_read(key: str) -> None:
    read_map(builtin_profiles()[key].register_map)


def test_the_example_of_the_reference_can_be_read() -> None:
    text = (ROOT / "docs/reference/register-maps.md").read_text()
    example = json.loads(text.partition("```json\n")[2].partition("```")[0])

    found = read_map(example)

    assert [row.metric for row in found.registers] == [
        "voltage_l1", "power_active_total", "energy_import", "door",
    ]  # fmt: skip
    assert found.write_of("set_limit") is not None
