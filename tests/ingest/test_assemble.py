"""Columns to one sorted, checked batch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.ingest.assemble import Columns, assemble
from telemetry.ingest.slots import SLOT_DTYPE
from telemetry.ingest.store import copy_buffer, latest_rows
from telemetry.quality import Quality
from telemetry.storage.packing import pack_day

INF = float("inf")


@pytest.fixture
def table() -> np.ndarray:
    """Slot 0: channel 7, W stored as kW, 0 to 100 kW. Slot 1: channel 3, °F as °C."""
    table = np.zeros(2, dtype=SLOT_DTYPE)
    table[0] = (7, 1.0, 1000.0, 0.0, 0.0, 100.0, 0.0, 0)
    table[1] = (3, 5 / 9, 1.0, -160 / 9, -INF, INF, 0.0, 0)
    return table


def test_scales_sorts_and_flags(table):
    columns = Columns()
    columns.add(0, 2_000, [0, 1], [1500.0, 212.0])
    columns.add(1, 1_000, [0], [250_000.0])
    columns.add(2, 3_000, [0], [10.0], Quality.UNCERTAIN)

    batch = assemble(columns, table)

    assert batch.rows["channel"].tolist() == [3, 7, 7, 7]
    assert batch.rows["time"].tolist() == [2_000, 1_000, 2_000, 3_000]
    assert batch.rows["value"].tolist() == pytest.approx([100.0, 250.0, 1.5, 0.01])
    assert batch.rows["quality"].tolist() == [
        Quality.GOOD,
        Quality.BAD,
        Quality.GOOD,
        Quality.UNCERTAIN,
    ]
    assert batch.messages.tolist() == [0, 1, 0, 2]
    assert latest_rows(batch.rows).tolist() == [0, 3]


@pytest.mark.parametrize(
    ("value", "code"),
    [(float("nan"), "not_finite"), (INF, "not_finite"), (1e300, "out_of_range")],
)
def test_refuses_what_is_no_measurement(table, value, code):
    columns = Columns()
    columns.add(0, 1, [0, 1], [1.0, value])
    columns.add(1, 2, [0], [2.0])

    batch = assemble(columns, table)

    assert len(batch.rows) == 2
    assert [(message, reason) for message, reason, _ in batch.refused] == [(0, code)]


def test_counts_equal_values_once_and_refuses_a_different_one(table):
    columns = Columns()
    columns.add(0, 1, [0], [5.0])
    columns.add(1, 1, [0], [5.0])
    columns.add(2, 1, [0], [6.0])

    batch = assemble(columns, table)

    assert batch.rows["value"].tolist() == [0.005]
    assert batch.duplicates == 1
    assert [(m, code) for m, code, _ in batch.refused] == [(2, "conflicting_value")]


def test_an_empty_batch_stays_empty(table):
    assert len(assemble(Columns(), table).rows) == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 20), st.floats(allow_nan=True)), max_size=60
    )
)
def test_every_value_is_in_the_batch_refused_or_a_duplicate(points):
    table = np.zeros(2, dtype=SLOT_DTYPE)
    table[0] = (7, 1.0, 1.0, 0.0, -INF, INF, 0.0, 0)
    table[1] = (3, 1.0, 1.0, 0.0, -INF, INF, 0.0, 0)
    columns = Columns()
    for index, (slot, time, value) in enumerate(points):
        columns.add(index, time, [slot], [value])

    batch = assemble(columns, table)

    assert len(batch.rows) + len(batch.refused) + batch.duplicates == len(points)
    keys = list(zip(batch.rows["channel"].tolist(), batch.rows["time"].tolist(), strict=True))
    assert keys == sorted(set(keys))


def test_the_copy_buffer_has_postgresqls_layout(table):
    columns = Columns()
    columns.add(0, 946_684_800_000_001, [0], [1500.0])
    rows = assemble(columns, table).rows

    buffer = copy_buffer(rows)

    assert buffer.startswith(b"PGCOPY\n\xff\r\n\0")
    assert buffer.endswith(b"\xff\xff")
    body = buffer[19:-2]
    assert body[:2] == b"\x00\x04"
    assert body[2:10] == b"\x00\x00\x00\x04\x00\x00\x00\x07"
    assert body[10:22] == b"\x00\x00\x00\x08" + (1).to_bytes(8, "big")


def test_rounds_where_the_channel_says_so(table):
    """230.1 V as a float of 32 bits and 1234.5678 W, stored in kW to the watt."""
    table["grain"] = (1000.0, 10.0)
    table["factor"], table["divisor"], table["offset"] = (1.0, 1.0), (1000.0, 1.0), (0.0, 0.0)
    columns = Columns()
    columns.add(0, 1_000, [0, 1], [1234.5678, float(np.float32(230.1))])
    columns.add(1, 2_000, [0, 1], [-0.2, 1e15])

    rows = assemble(columns, table).rows

    assert rows["value"].tolist() == [230.1, 1e15, 1.235, 0.0]
    assert not np.signbit(rows["value"]).any()


def test_rounding_packs_the_noise_of_a_sensor():
    values = np.float32(230 + np.random.default_rng(1).random(8_640)).astype(np.float64)
    times, good = np.arange(8_640) * 10_000_000, np.zeros(8_640, dtype=np.int16)
    table = np.zeros(1, dtype=SLOT_DTYPE)
    table[0] = (7, 1.0, 1.0, 0.0, -INF, INF, 10.0, 0)
    columns = Columns()
    for time, value in zip(times.tolist(), values.tolist(), strict=True):
        columns.add(0, time, [0], [value])

    rounded = np.ascontiguousarray(assemble(columns, table).rows["value"])

    assert np.abs(rounded - values).max() <= 0.05 + 1e-9
    assert len(pack_day(times, rounded, good)) * 4 < len(pack_day(times, values, good))
