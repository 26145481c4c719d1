"""Let the people of a suspended organisation work again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.services.tenants import resume_tenant


class Command(BaseCommand):
    """Resume a tenant."""

    help = "Let the people of a suspended organisation work again."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("slug", help="Short name of the organisation.")

    def handle(self, *, slug: str, **options: Any) -> None:
        """Resume."""
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {slug}.")
        resume_tenant(tenant_id=tenant.id, now=timezone.now())
        self.stdout.write(f"{tenant.name} works again.")
