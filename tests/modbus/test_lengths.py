"""A length on a line stands for one address, whatever happened before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.modbus.lengths import LATE_SECONDS, REFUSALS, Lengths, Read

READ = st.builds(
    Read, st.integers(1, 3), st.sampled_from([1, 3, 4]), st.integers(0, 120), st.integers(1, 30)
)
EDGE = st.builds(Read, st.just(1), st.just(3), st.integers(65_500, 65_535), st.just(1))


@given(st.lists(st.tuples(READ | EDGE, st.sampled_from(["right", "lost"]), st.floats(0, 30))))
def test_no_length_of_a_unit_ever_has_two_addresses(steps) -> None:
    lengths, now = Lengths(), 0.0
    owners: dict[tuple[int, int, int], tuple[int, int]] = {}
    for wanted, outcome, seconds in steps:
        now += seconds
        read = lengths.choose(wanted, now)

        assert read is not None
        assert read.address <= wanted.address
        assert wanted.address + wanted.count <= read.address + read.count <= 65_536
        place = read.address, read.count
        assert owners.setdefault((read.unit, read.function, read.length), place) == place
        if outcome == "right":
            lengths.answered(read, wanted)
        else:
            lengths.unanswered(read, wanted, now)


@given(st.lists(st.tuples(READ, st.sampled_from(["right", "lost"]), st.floats(0, 30))))
def test_a_strict_device_is_never_asked_where_an_old_answer_may_still_come(steps) -> None:
    """It refuses every length but the stated one."""
    lengths, now = Lengths(), 0.0
    lost: dict[tuple[int, int, int], tuple[float, Read]] = {}
    for wanted, outcome, seconds in steps:
        now += seconds
        refusals = 0
        while (read := lengths.choose(wanted, now)) not in {None, wanted}:
            lengths.refused(read, wanted)
            refusals += 1
        assert refusals <= REFUSALS
        if read is None:
            continue
        key = read.unit, read.function, read.length
        at, asked = lost.get(key, (-LATE_SECONDS, read))
        assert asked == read or now - at >= LATE_SECONDS
        if outcome == "right":
            lengths.answered(read, wanted)
        else:
            lengths.unanswered(read, wanted, now)
            lost[key] = now, read


def test_units_of_one_type_share_their_lengths() -> None:
    lengths = Lengths()

    asked = [lengths.choose(Read(unit, 4, address, 16), 0) for address in (234, 342)
             for unit in range(1, 33)]  # fmt: skip

    assert {(read.address, read.count) for read in asked if read} == {(234, 16), (342, 18)}


def test_an_address_asked_in_vain_has_another_length_until_the_answer_is_too_late() -> None:
    lengths, wanted = Lengths(), Read(1, 3, 10, 10)
    counts = []
    for _ in range(5):
        read = lengths.choose(wanted, 0)
        assert read is not None
        lengths.unanswered(read, wanted, 0)
        counts.append(read.count)

    assert counts[:3] == [10, 12, 11]
    assert lengths.choose(wanted, LATE_SECONDS + 1) == wanted
