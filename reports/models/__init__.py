"""Tables of reports."""

from reports.models import history  # noqa: F401 (adds its table)
from reports.models.recipient import Recipient
from reports.models.run import Delivery, DeliveryState, ReportRun, RunState
from reports.models.template import (
    Comparison,
    DecimalMark,
    ReportFormat,
    ReportKind,
    ReportPeriod,
    ReportStep,
    ReportTemplate,
    Schedule,
    Separator,
)

__all__ = [
    "Comparison",
    "DecimalMark",
    "Delivery",
    "DeliveryState",
    "Recipient",
    "ReportFormat",
    "ReportKind",
    "ReportPeriod",
    "ReportRun",
    "ReportStep",
    "ReportTemplate",
    "RunState",
    "Schedule",
    "Separator",
]
