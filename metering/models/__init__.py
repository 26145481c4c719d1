"""Tables of metering."""

from metering.models import history  # noqa: F401 (adds its tables)
from metering.models.cost import (
    AllocationKey,
    AllocationShare,
    BillingPeriod,
    CostCentre,
    CostLine,
    CostMonth,
    CostState,
)
from metering.models.ledger import (
    Checkpoint,
    IntervalReading,
    LedgerBooking,
    LedgerDecision,
    LedgerMark,
    LedgerState,
    PastReading,
    RegisterDay,
)
from metering.models.meter import (
    Commodity,
    Meter,
    MeterInstallation,
    MeterTerm,
    Quantity,
    Register,
    RegisterFeed,
    Role,
)
from metering.models.plan import Baseline, Budget, Driver, Measure
from metering.models.tariff import Price, PriceSeries, Tariff, TariffAssignment, TariffVersion

__all__ = [
    "AllocationKey",
    "AllocationShare",
    "Baseline",
    "BillingPeriod",
    "Budget",
    "Checkpoint",
    "Commodity",
    "CostCentre",
    "CostLine",
    "CostMonth",
    "CostState",
    "Driver",
    "IntervalReading",
    "LedgerBooking",
    "LedgerDecision",
    "LedgerMark",
    "LedgerState",
    "Measure",
    "Meter",
    "MeterInstallation",
    "MeterTerm",
    "PastReading",
    "Price",
    "PriceSeries",
    "Quantity",
    "Register",
    "RegisterDay",
    "RegisterFeed",
    "Role",
    "Tariff",
    "TariffAssignment",
    "TariffVersion",
]
