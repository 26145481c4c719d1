"""Latest-wins merging, the text of frames and their numbers."""

from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.ingest.batch import SAMPLE_DTYPE
from telemetry.live.frames import (
    FrameOrder,
    data_frame,
    encode_points,
    keep_latest,
    make_snapshot,
    merge_points,
    snapshot_frame,
)
from telemetry.live.limits import FRAME_BYTES, FRAME_POINTS

DEVICE = "0b0e0f7a-6a3e-4b41-9f4e-0d6c1f3f2a11"

points = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["power", "voltage"]),
        st.integers(0, 50),
        st.floats(allow_nan=False, allow_infinity=False),
        st.just("good"),
    ).map(list),
    max_size=40,
)


def keyed(offered):
    return [((point[0], point[1]), point) for point in offered]


@given(points)
def test_the_newest_point_of_each_channel_remains(offered):
    pending: dict = {}

    dropped = merge_points(pending, keyed(offered))

    assert len(pending) + dropped == len(offered)
    for key, point in pending.items():
        same = [other for other in offered if (other[0], other[1]) == key]
        assert point[2] == max(other[2] for other in same)


@given(st.lists(points, max_size=5))
def test_merging_in_parts_is_merging_at_once(parts):
    at_once: dict = {}
    merge_points(at_once, keyed(point for part in parts for point in part))

    in_parts: dict = {}
    for part in parts:
        merge_points(in_parts, keyed(part))

    assert in_parts == at_once


@given(points, st.integers(60, 400))
def test_parts_hold_all_points_in_order_and_keep_the_limit(offered, limit):
    parts = encode_points(offered, limit=limit)

    assert [point for part in parts for point in orjson.loads(part)] == offered
    assert all(len(part) <= limit for part in parts)


def test_many_points_are_split_into_frames_of_64_kib():
    offered = [[DEVICE, f"metric_{n}", 1_700_000_000_000, 230.125, "good"] for n in range(5000)]

    parts = encode_points(offered)

    assert len(parts) > 5
    assert max(map(len, parts)) <= FRAME_BYTES


def test_the_points_of_a_backlog_frame_fit_whatever_they_are():
    longest = [DEVICE, "m" * 64, 253_402_300_799_999, -1.2345678901234567e-300, "uncertain"]

    assert len(orjson.dumps([longest] * FRAME_POINTS)) <= FRAME_BYTES


def test_frames_are_json():
    text = encode_points([[DEVICE, "power", 5, 1.5, "good"]])[0].decode()

    assert json.loads(data_frame(7, text)) == {
        "type": "data",
        "seq": 7,
        "points": [[DEVICE, "power", 5, 1.5, "good"]],
    }
    assert json.loads(snapshot_frame('a"b', 8, "[]")) == {
        "type": "snapshot",
        "id": 'a"b',
        "seq": 8,
        "points": [],
    }


def test_a_snapshot_leaves_only_newer_points_pending():
    snapshot = make_snapshot([["a", "power", 5, 1.0, "good", "kW"]])
    pending = {
        ("a", "power"): ["a", "power", 5, 1.0, "good"],
        ("a", "voltage"): ["a", "voltage", 1, 2.0, "good"],
    }

    assert snapshot.leave_newer(pending).keys() == {("a", "voltage")}
    newer = {("a", "power"): ["a", "power", 6, 1.5, "good"]}
    assert snapshot.leave_newer(newer) == newer


def test_a_snapshot_without_values_is_one_empty_part():
    assert make_snapshot([]).texts == ["[]"]


@given(st.lists(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9)), max_size=10), max_size=4))
def test_the_newest_row_of_each_channel_remains(batches):
    parts = [
        np.array([(channel, time, time * 1.5, 0) for channel, time in rows], dtype=SAMPLE_DTYPE)
        for rows in batches
    ]

    kept = keep_latest(parts)

    expected: dict[int, int] = {}
    for channel, time in (row for rows in batches for row in rows):
        expected[channel] = max(time, expected.get(channel, -1))
    assert dict(zip(kept["channel"].tolist(), kept["time"].tolist(), strict=True)) == expected


class TestFrameOrder:
    @pytest.mark.parametrize(
        ("frames", "gap_at"),
        [
            ([("e", 5, False), ("e", 6, False), ("e", 7, False)], None),
            ([("e", 5, False), ("e", 7, False)], 1),
            ([("e", 5, False), ("e", 5, True), ("e", 6, False)], None),
            ([("e", 5, False), ("e", 6, True)], 1),
            ([("e", 0, True), ("e", 1, False)], None),
            ([("e", 5, False), ("f", 1, False)], 1),
            ([("e", 5, False), ("e", 6, False), ("e", 5, False), ("e", 7, False)], None),
        ],
        ids=["contiguous", "lost", "beat", "lost before a beat", "quiet", "new epoch", "repeated"],
    )
    def test_notices_what_is_missing(self, frames, gap_at):
        order = FrameOrder()

        gaps = [order.is_gap(epoch, number, is_beat=beat) for epoch, number, beat in frames]

        assert gaps == [index == gap_at for index in range(len(frames))]

    def test_goes_on_after_a_gap(self):
        order = FrameOrder()
        order.is_gap("e", 1, is_beat=False)
        order.is_gap("e", 9, is_beat=False)

        assert not order.is_gap("e", 10, is_beat=False)
