"""Let nobody work in an organisation for now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.services.tenants import suspend_tenant


class Command(BaseCommand):
    """Suspend a tenant."""

    help = "Let nobody work in an organisation; what its devices send is still stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("slug", help="Short name of the organisation.")
        parser.add_argument("--reason", required=True, help="Stands in the audit trail.")

    def handle(self, *, slug: str, reason: str, **options: Any) -> None:
        """Suspend."""
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {slug}.")
        suspend_tenant(tenant_id=tenant.id, reason=reason, now=timezone.now())
        self.stdout.write(f"{tenant.name} is suspended.")
