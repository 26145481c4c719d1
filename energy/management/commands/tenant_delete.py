"""Remove every trace of an organisation."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.services.refusals import Refusal
from accounts.services.tenants import delete_tenant
from devices.wires.broker import BrokerError


class Command(BaseCommand):
    """Delete a tenant for good."""

    help = (
        "Remove every trace of an organisation: people who belong to nothing else, devices, all "
        "measurements, accounts on the broker. The audit trail stays. Interrupted, start it again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("slug", help="Short name of the organisation.")
        parser.add_argument("--confirm", required=True, help="Its full name, to be sure.")
        parser.add_argument(
            "--without-broker", action="store_true", help="Leave and list accounts on the broker."
        )

    def handle(
        self, *, slug: str, confirm: str, without_broker: bool = False, **options: Any
    ) -> None:
        """Delete, and print what went from where."""
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {slug}.")
        totals: Counter[str] = Counter()
        try:
            for erased in delete_tenant(
                tenant=tenant,
                now=timezone.now(),
                confirmed_name=confirm,
                has_broker=not without_broker,
            ):
                totals[erased.what] += erased.rows
                self.stdout.write(f"{erased.what}: {erased.note or totals[erased.what]}")
        except Refusal as error:
            raise CommandError(str(error)) from error
        except BrokerError as error:
            raise CommandError(
                f"{error} The organisation is suspended and nothing is deleted yet: repeat this, "
                "or leave its accounts there with --without-broker."
            ) from error
        self.stdout.write(f"{tenant.name} is deleted: {sum(totals.values())} rows.")
