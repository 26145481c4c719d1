"""Whose changes are kept: what people enter about meters."""

from __future__ import annotations

from accounts.models.history import keep_history
from metering.models.cost import AllocationKey, AllocationShare, BillingPeriod, CostCentre
from metering.models.ledger import LedgerBooking
from metering.models.meter import Meter, MeterInstallation, MeterTerm, Register, RegisterFeed
from metering.models.plan import Baseline, Budget
from metering.models.tariff import PriceSeries, Tariff, TariffAssignment

for _model in (
    Meter, MeterTerm, Register, MeterInstallation, RegisterFeed, LedgerBooking, Tariff,
    TariffAssignment, PriceSeries, BillingPeriod, CostCentre, AllocationKey, AllocationShare,
    Budget, Baseline,
):  # fmt: skip
    keep_history(_model)
