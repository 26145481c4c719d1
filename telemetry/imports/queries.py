"""Reads of imports."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet

from telemetry.imports.models import ImportJob, ImportProblem


def list_imports() -> QuerySet[ImportJob]:
    """Return the imports of the tenant in scope."""
    return ImportJob.objects.select_related("device", "created_by")


def list_problems(job_id: uuid.UUID) -> QuerySet[ImportProblem]:
    """Return the refused rows of an import."""
    return ImportProblem.objects.filter(job_id=job_id)
