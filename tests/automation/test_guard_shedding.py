"""Which loads go, and when they come back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation.guard.prediction import Prediction, Switched, predict, window_start
from automation.guard.series import of_power
from automation.guard.shedding import (
    MIN_ON_SECONDS,
    RESTORE_PAUSE_SECONDS,
    Aim,
    Decision,
    Load,
    Mood,
    choose,
    decide,
    too_much_kw,
)

START = 1_795_000_500.0 - 1_795_000_500.0 % 900
AIM = Aim(limit_kw=100, margin_kw=5, warn_seconds=480, is_shedding=True)


def load(
    number: int, kw: float = 10, *, shed_for: float | None = None, now: float = START + 450,
    **other: float,
) -> Load:  # fmt: skip
    values = {"min_off": 60.0, "max_off": 900.0} | other
    found = Load(uuid.UUID(int=number), number, kw, **values)
    return found if shed_for is None else replace(found, is_shed=True, since=now - shed_for)


def steady(kw: float, at: float) -> Prediction:
    energy = kw * at / 3600
    return Prediction(START, START + 900, START + at, energy, kw, kw, kw, kw)


def look(kw: float, at: float, *loads: Load, aim: Aim = AIM) -> Decision:
    return decide(steady(kw, at), aim, loads, now=START + at)


def ids(*numbers: int) -> tuple[uuid.UUID, ...]:
    return tuple(uuid.UUID(int=number) for number in numbers)


@pytest.mark.parametrize(
    ("kw", "at", "mood"),
    [(99, 500, Mood.QUIET), (101, 100, Mood.HIGH), (101, 419, Mood.HIGH), (101, 420, Mood.WARN),
     (101, 899, Mood.WARN), (100, 500, Mood.QUIET)],
)  # fmt: skip
def test_it_warns_from_eight_minutes_before_the_end(kw: float, at: float, mood: Mood) -> None:
    assert look(kw, at).mood == mood


def test_only_a_guard_that_may_sheds() -> None:
    loads = [load(1), load(2)]

    assert look(104, 450, *loads).shed == ids(1)
    assert look(104, 450, *loads, aim=replace(AIM, is_shedding=False)).shed == ()


def test_it_sheds_in_the_order_of_the_loads() -> None:
    found = look(112, 450, load(3), load(1), load(2), load(4))

    # 12 kW of 15 minutes are 25 kW of the 7 minutes that are left
    assert found.shed == ids(1, 2, 3)


def test_it_sheds_early_when_later_would_be_too_late() -> None:
    assert look(150, 60, load(1, 20), load(2, 20)).shed == ids(1, 2)
    assert look(104, 60, load(1, 20), load(2, 20)).shed == ()


def test_a_load_that_is_not_needed_stays_on() -> None:
    assert look(109, 450, load(1, 2), load(2, 50), load(3, 50)).shed == ids(2)


@pytest.mark.parametrize(
    "busy",
    [{"can_shed": False}, {"since": START + 440.0}],
)
def test_a_load_that_has_just_come_back_or_was_tried_is_left_out(busy: dict[str, object]) -> None:
    assert look(104, 450, replace(load(1), **busy), load(2)).shed == ids(2)  # type: ignore[arg-type]


def test_nothing_is_shed_in_the_last_seconds() -> None:
    assert look(105, 880, load(1)).shed == ()


def test_nothing_is_shed_while_nothing_is_known_but_loads_come_back() -> None:
    loads = [load(1), load(2, shed_for=100), load(3, shed_for=901)]

    found = decide(None, AIM, loads, now=START + 450)

    assert found == Decision(Mood.UNKNOWN, restore=ids(3))


def test_they_come_back_one_after_another_the_last_one_first() -> None:
    loads = [load(number, shed_for=300) for number in (1, 2, 3)]

    assert look(60, 450, *loads).restore == ids(3)
    back = replace(loads[2], is_shed=False, since=START + 450 - RESTORE_PAUSE_SECONDS + 1)
    assert look(70, 450, *loads[:2], back).restore == ()
    assert look(70, 450, *loads[:2], replace(back, since=START)).restore == ids(2)


@pytest.mark.parametrize(("kw", "back"), [(85, True), (85.1, False), (94, False)])
def test_a_load_comes_back_only_with_room_in_the_next_window_too(kw: float, back: bool) -> None:
    assert bool(look(kw, 850, load(1, shed_for=300)).restore) == back


def test_a_guard_that_is_switched_off_gives_everything_back() -> None:
    loads = [load(1, shed_for=300), load(2, shed_for=300), load(3, shed_for=10)]

    closing = replace(AIM, is_closing=True)

    assert look(200, 450, *loads, aim=closing).restore == ids(2, 1)
    assert look(200, 450, *loads, load(4), aim=closing).shed == ()


@given(
    st.lists(st.floats(0.5, 100), max_size=8), st.floats(0, 300),
)  # fmt: skip
def test_no_load_is_shed_that_is_not_needed(powers: list[float], needed: float) -> None:
    loads = [load(number, kw) for number, kw in enumerate(powers)]
    by_id = {one.id: one.rated_kw for one in loads}

    chosen = choose(loads, needed)

    total = sum(by_id[id_] for id_ in chosen)
    if sum(powers) >= needed:
        assert total >= needed - 1e-9
        assert all(total - by_id[id_] < needed for id_ in chosen)
    else:
        assert len(chosen) == len(powers)
    if not needed:
        assert chosen == ()


@given(
    st.floats(50, 400), st.integers(0, 899),
    st.lists(st.tuples(st.floats(1, 60), st.one_of(st.none(), st.integers(0, 1500))), max_size=6),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_what_is_decided_keeps_to_the_times_of_every_load(
    kw: float, at: int, made: list[tuple[float, int | None]], is_known: bool, is_closing: bool
) -> None:
    now = START + at
    loads = [
        load(number, rated, shed_for=shed_for, now=now)
        for number, (rated, shed_for) in enumerate(made)
    ]
    by_id = {one.id: one for one in loads}

    found = decide(
        steady(kw, at) if is_known else None, replace(AIM, is_closing=is_closing), loads, now=now
    )

    for id_ in found.restore:
        since = by_id[id_].since
        assert by_id[id_].is_shed
        assert since is not None
        assert now - since >= by_id[id_].min_off
    assert not any(by_id[id_].is_shed for id_ in found.shed)
    for one in loads:
        if one.is_shed and one.since is not None and now - one.since >= one.max_off:
            assert one.id in found.restore
    if found.shed:
        assert is_known
        assert kw > AIM.limit_kw
        freed = sum(by_id[id_].rated_kw for id_ in found.shed)
        smallest = min(by_id[id_].rated_kw for id_ in found.shed)
        assert freed - smallest < too_much_kw(steady(kw, at), AIM.limit_kw)


@dataclass
class _Site:
    """A site whose loads do what they are told; time goes on in steps of ten seconds."""

    loads: dict[uuid.UUID, Load]
    base: Callable[[float], float]
    aim: Aim
    times: list[float] = field(default_factory=list)
    powers: list[float] = field(default_factory=list)
    switched: list[tuple[float, uuid.UUID, bool]] = field(default_factory=list)
    moods: list[Mood] = field(default_factory=list)

    def step(self, now: float) -> None:
        running = sum(one.rated_kw for one in self.loads.values() if not one.is_shed)
        self.times.append(now)
        self.powers.append(self.base(now) + running)
        first = int(np.searchsorted(self.times, window_start(now, 900) - 300))
        series = of_power(np.array(self.times[first:]), np.array(self.powers[first:]), longest=60)
        found = decide(
            predict(
                series, start=window_start(now, 900), seconds=900, now=now, stale_seconds=60,
                switched=[
                    Switched(at, self.loads[id_].rated_kw * (1 if back else -1))
                    for at, id_, back in self.switched[-20:]
                ],
            ),
            self.aim, list(self.loads.values()), now=now,
        )  # fmt: skip
        self.moods.append(found.mood)
        for ids_, is_shed in ((found.shed, True), (found.restore, False)):
            for id_ in ids_:
                self.loads[id_] = replace(self.loads[id_], is_shed=is_shed, since=now)
                self.switched.append((now, id_, not is_shed))

    def demand(self, start: float) -> float:
        series = of_power(np.array(self.times), np.array(self.powers), longest=60)
        power = series.power(start, start + 900)
        assert power is not None
        return power


def _run(base: Callable[[float], float], loads: list[Load], windows: int = 6) -> _Site:
    site = _Site({one.id: one for one in loads}, base, AIM)
    for at in range(-300, windows * 900 + 1, 10):
        site.step(START + at)
    return site


@settings(max_examples=30)
@given(
    st.lists(st.floats(20, 130), min_size=6, max_size=6),
    st.lists(
        st.tuples(st.floats(2, 40), st.sampled_from([60.0, 120.0]),
                  st.sampled_from([200.0, 300.0, 900.0])),
        min_size=1, max_size=5,
    ),
)  # fmt: skip
def test_over_hours_loads_rest_run_and_come_back_in_time(
    levels: list[float], made: list[tuple[float, float, float]]
) -> None:
    loads = [
        load(number, kw, min_off=low, max_off=high) for number, (kw, low, high) in enumerate(made)
    ]

    site = _run(lambda now: levels[min(5, max(0, int((now - START) // 900)))], loads)

    since: dict[uuid.UUID, float] = {}
    back: dict[uuid.UUID, float] = {}
    limits = {one.id: one for one in loads}
    for at, id_, is_back in site.switched:
        if is_back:
            off = at - since.pop(id_)
            assert limits[id_].min_off <= off <= limits[id_].max_off + 10
            back[id_] = at
        else:
            assert at - back.get(id_, -1e18) >= MIN_ON_SECONDS
            since[id_] = at
    end = START + 6 * 900
    assert all(end - at <= limits[id_].max_off + 10 for id_, at in since.items())


def test_a_site_with_enough_to_shed_stays_below_its_limit_and_does_not_flap() -> None:
    loads = [load(number, 20, max_off=7200.0) for number in (1, 2, 3)]

    site = _run(lambda now: 70 if START + 900 <= now < START + 3600 else 30, loads)

    # all have to go for the rest of the first window; later there is room for one of them
    for number in range(1, 4):
        assert site.demand(START + number * 900) <= 100
    assert len([one for one in site.switched if not one[2]]) == 3
    assert not any(one.is_shed for one in site.loads.values())
    assert [id_ for _at, id_, back in site.switched if back] == list(ids(3, 2, 1))
