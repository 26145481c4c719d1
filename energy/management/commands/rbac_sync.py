"""Bring stored permissions in line with the registry."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from devices.services.rbac_sync import sync_permissions


class Command(BaseCommand):
    """Make the permissions that shares refer to, and drop unknown codes of tenants' roles."""

    help = (
        "Make the permission rows that shares refer to and drop codes from tenants' roles that "
        "the registry does not know. Safe to repeat."
    )

    def handle(self, *, verbosity: int = 1, **options: Any) -> None:
        """Synchronise and tell what was done."""
        report = sync_permissions()
        if not verbosity:
            return
        for role in report.pruned:
            self.stdout.write(
                f"{role.tenant} · {role.name}: dropped unknown {', '.join(role.codes)}"
            )
        self.stdout.write(
            f"{report.codes} permissions in the registry; {report.created} rows made for shares; "
            f"{len(report.pruned)} roles changed."
        )
