"""Several workers decode the messages of one Sparkplug node."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisDown

from telemetry.decoding.frames.sparkplug import Sparkplug
from telemetry.ingest.sparkplug_store import RedisBirths
from tests.frames.test_sparkplug import FLOAT, INT64, birth, message

pytestmark = pytest.mark.usefixtures("redis")
DATA, NODE = "spBv1.0/plant/DDATA/edge/meter", "spBv1.0/plant/{}/edge"


@pytest.fixture
def workers() -> tuple[Sparkplug, Sparkplug]:
    return Sparkplug(births=RedisBirths()), Sparkplug(births=RedisBirths())


def power(worker: Sparkplug, value: float, *, alias: int = 4, scope: str = "") -> list[str]:
    """Return what a worker makes of data without a name."""
    found = worker.decode(DATA, message(None, {"alias": alias, "float_value": value}), scope=scope)
    codes = [code for code, _ in found.problems]
    return [f"{r.name} {r.value} {r.unit}" for r in found.readings] or codes


def born(worker: Sparkplug, number: int, *metrics: dict[str, object]) -> None:
    node = {"name": "bdSeq", "datatype": INT64, "long_value": number}
    worker.decode(NODE.format("NBIRTH"), message(0, node))
    worker.decode(DATA.replace("DDATA", "DBIRTH"), message(1, *metrics))


def test_one_hears_the_birth_and_the_other_the_data(workers) -> None:
    one, other = workers
    birth(one)

    assert power(other, 1.5) == power(one, 1.5) == ["Power 1.5 kW"]


def test_a_new_birth_counts_for_both_at_once(workers) -> None:
    one, other = workers
    birth(one)
    assert power(other, 1.5) == ["Power 1.5 kW"]

    metric = {"name": "Level", "alias": 4, "datatype": FLOAT, "float_value": 0.0, "unit": "m"}
    born(other, 8, metric)

    assert power(one, 1.5) == power(other, 1.5) == ["Level 1.5 m"]


def test_a_death_counts_for_both_unless_it_is_an_old_one(workers) -> None:
    one, other = workers
    birth(one)
    old = {"name": "bdSeq", "datatype": INT64, "long_value": 6}

    other.decode(NODE.format("NDEATH"), message(None, old))
    assert power(one, 1.5) == ["Power 1.5 kW"]

    other.decode(NODE.format("NDEATH"), message(None, {**old, "long_value": 7}))
    assert power(one, 1.5) == power(other, 1.5) == ["unknown_alias"]


def test_the_death_of_a_device_leaves_the_others(workers) -> None:
    one, other = workers
    birth(one)
    metric = {"name": "Level", "alias": 9, "datatype": FLOAT, "float_value": 0.0}
    one.decode("spBv1.0/plant/DBIRTH/edge/tank", message(2, metric))

    other.decode("spBv1.0/plant/DDEATH/edge/tank", message(3))

    assert power(one, 1.5) == ["Power 1.5 kW"]
    tank = one.decode(DATA.replace("meter", "tank"), message(4, {"alias": 9, "float_value": 1.0}))
    assert [code for code, _ in tank.problems] == ["unknown_alias"]


def test_both_together_ask_once_for_a_birth(workers) -> None:
    asked = [
        worker.decode(DATA, message(None, {"alias": 4, "float_value": 1.0})).answer is not None
        for worker in (*workers, *workers)
    ]

    assert asked == [True, False, False, False]


def test_customers_with_the_same_names_stay_apart(workers) -> None:
    one, other = workers
    birth(one)

    assert power(other, 1.5, scope="somebody else") == ["unknown_alias"]


def test_the_longest_silent_node_is_forgotten(redis) -> None:
    one = Sparkplug(births=RedisBirths(max_nodes=2))
    for node in ("a", "b", "c"):
        birth(one, node)

    fresh = RedisBirths()
    known = [bool(fresh.load(("", "plant", node)).metrics) for node in ("a", "b", "c")]
    assert known == [False, True, True]


def test_without_redis_a_worker_goes_on_with_what_it_knows(workers, monkeypatch) -> None:
    one, _other = workers
    birth(one)
    assert power(one, 1.5) == ["Power 1.5 kW"]

    class Down:
        def __getattr__(self, name: str) -> object:
            raise RedisDown

    monkeypatch.setattr(one.births, "_client", Down())

    assert power(one, 2.5) == ["Power 2.5 kW"]
