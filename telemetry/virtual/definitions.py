"""Virtual channels as they are computed: formulas compiled, inputs known."""

from __future__ import annotations

import logging
import uuid
from collections import defaultdict
from dataclasses import dataclass

from accounts.tenancy import all_tenants
from devices.models import Kind
from telemetry.models import VirtualChannel, VirtualInput
from telemetry.virtual.formula import Formula, FormulaError, compile_formula

logger = logging.getLogger(__name__)

QUARTER_US = 900_000_000


@dataclass(frozen=True, slots=True)
class Input:
    """A channel that a formula names, and how it behaves."""

    name: str
    channel: int
    kind: str

    @property
    def is_averaged(self) -> bool:
        """Tell whether a quarter of an hour has an average of it."""
        return self.kind == Kind.GAUGE

    @property
    def is_summed(self) -> bool:
        """Tell whether the values of a quarter add up."""
        return self.kind == Kind.INTERVAL


@dataclass(frozen=True, slots=True)
class Definition:
    """A virtual channel. `tolerance` is in µs."""

    id: uuid.UUID
    tenant_id: uuid.UUID
    channel: int
    formula: Formula
    inputs: tuple[Input, ...]
    is_quarterly: bool
    tolerance: int
    revision: int
    is_interval: bool

    def reach(self, time: int) -> tuple[int, int]:
        """Return the stretch [start, end) of times whose value a sample at `time` may change."""
        if self.is_quarterly:
            start = time - time % QUARTER_US
            return start, start + QUARTER_US
        return time, time + self.tolerance + 1


def load_definitions() -> dict[uuid.UUID, Definition]:
    """Read the virtual channels of all tenants; one that cannot be computed is left out."""
    with all_tenants():
        rows = list(VirtualChannel.objects.select_related("channel").order_by("id"))
        inputs = defaultdict(list)
        for row in VirtualInput.objects.select_related("channel").order_by("virtual_id", "name"):
            inputs[row.virtual_id].append(row)
    found = {}
    for virtual in rows:
        try:
            found[virtual.id] = definition_of(virtual, inputs[virtual.id])
        except FormulaError as error:
            logger.warning("Virtual channel %s is not computed: %s", virtual.id, error)
    return found


def definition_of(virtual: VirtualChannel, inputs: list[VirtualInput]) -> Definition:
    """Compile one. Raises: FormulaError, also when a channel of it was deleted."""
    units = {row.name: row.channel.unit for row in inputs}
    formula = compile_formula(virtual.formula, units, virtual.channel.unit)
    return Definition(
        id=virtual.id,
        tenant_id=virtual.tenant_id,
        channel=virtual.channel_id,
        formula=formula,
        inputs=tuple(
            Input(row.name, row.channel_id, row.channel.kind)
            for row in inputs
            if row.name in formula.names
        ),
        is_quarterly=virtual.alignment == "quarter",
        tolerance=virtual.tolerance_seconds * 1_000_000,
        revision=virtual.revision,
        is_interval=virtual.channel.kind == Kind.INTERVAL,
    )
