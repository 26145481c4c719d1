"""What each bus did, counted without a lock and shown to Prometheus when it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

MOST_BUSES = 1_000  # with a label of their own; the rest is one sum
OTHERS = "others"


@dataclass(slots=True)
class Counters:
    """Since the process began; seconds are sums, of which a rate is a share of the time.

    busy_seconds: that the bus was waited for, so its rate is the utilisation. late_seconds: from
    when cycles were due until they began.
    """

    requests: int = 0
    timeouts: int = 0
    exceptions: int = 0
    bad_answers: int = 0
    connections: int = 0
    cycles: int = 0
    skipped_cycles: int = 0
    withheld_cycles: int = 0
    readings: int = 0
    missing_values: int = 0
    writes: int = 0
    rtt_seconds: float = 0.0
    busy_seconds: float = 0.0
    late_seconds: float = 0.0

    def add(self, other: Counters) -> None:
        """Add another's counts."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


_ABOUT = {
    "requests": "Requests sent",
    "timeouts": "Requests without an answer",
    "exceptions": "Answers that were exceptions",
    "bad_answers": "Answers that were none",
    "connections": "Connections made",
    "cycles": "Cycles begun",
    "skipped_cycles": "Cycles left out because the bus was late",
    "withheld_cycles": "Cycles left out because the pipeline took no readings",
    "readings": "Messages of readings",
    "missing_values": "Values left out: not a number, sentinels, implausible",
    "writes": "Write requests sent",
    "rtt_seconds": "Time from requests to their answers",
    "busy_seconds": "Time the bus was waited for",
    "late_seconds": "Time cycles began after they were due",
}


class BusCollector(Collector):
    """Shows the counters of all buses; label: the id of the bus.

    Args: read: returns (id, counters, whether it is connected) of each bus.
    """

    def __init__(self, read: Callable[[], Iterable[tuple[str, Counters, bool]]]) -> None:
        self._read = read

    def describe(self) -> list[Metric]:
        """Say nothing beforehand: which buses there are is not known yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return one family for each count."""
        rows = list(self._read())
        shown, rest = rows[:MOST_BUSES], Counters()
        for _id, counters, _is_connected in rows[MOST_BUSES:]:
            rest.add(counters)
        labelled = [(id_, counters) for id_, counters, _is_connected in shown]
        if len(rows) > MOST_BUSES:
            labelled.append((OTHERS, rest))
        for name, about in _ABOUT.items():
            family = CounterMetricFamily(f"energy_modbus_{name}", about, labels=["bus"])
            for id_, counters in labelled:
                family.add_metric([id_], getattr(counters, name))
            yield family
        connected = sum(is_connected for _id, _counters, is_connected in rows)
        yield GaugeMetricFamily("energy_modbus_buses", "Buses that are polled", value=len(rows))
        yield GaugeMetricFamily(
            "energy_modbus_buses_connected", "Buses with a connection", value=connected
        )
