"""Prove that the audit trail is what was written."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Tenant
from accounts.queries.audit import chains, newest_hash, verify_chain


class Command(BaseCommand):
    """Follow the hash chains; exit 1 when one is broken."""

    help = "Check the audit trail of every tenant, or of one, for changed or missing events."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the flags of this command."""
        parser.add_argument("--tenant", help="Short name of one tenant.")

    def handle(self, *, tenant: str | None, **options: Any) -> None:
        """Print a line for each chain with its newest hash."""
        names = {row.id: row.slug for row in Tenant.objects.all()}
        wanted = [t for t in chains() if tenant is None or names.get(t) == tenant]  # type: ignore[arg-type]
        if tenant and not wanted:
            raise CommandError(f"No tenant {tenant!r} has audit events.")
        is_broken = False
        for tenant_id in wanted:
            name = names.get(tenant_id, str(tenant_id)) if tenant_id else "platform"
            held, broken = verify_chain(tenant_id=tenant_id)
            if broken:
                is_broken = True
                self.stdout.write(f"BROKEN  {name}: event {broken.number} {broken.reason}")
            else:
                end = newest_hash(tenant_id=tenant_id)
                self.stdout.write(f"ok      {name}: {held} events, the newest is {end}")
        if is_broken:
            raise CommandError("The audit trail was tampered with.")
