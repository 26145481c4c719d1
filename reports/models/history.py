"""Whose changes are kept: what people enter about reports."""

from __future__ import annotations

from accounts.models.history import keep_history
from reports.models.template import ReportTemplate

keep_history(ReportTemplate, ignore=("next_due_at",))
