"""List boxes that nobody owns and claims that are under way."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.tenancy import all_tenants
from devices.models import Claim, PendingDevice
from devices.models.claim import HOLDING_STATES, OPEN_STATES


class Command(BaseCommand):
    """Print what waits."""

    help = "List boxes that said hello and are nobody's, and open claims of all organisations."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("--limit", type=int, default=50)

    def handle(self, *, limit: int, **options: Any) -> None:
        """Print both lists, the newest first."""
        now = timezone.now()
        with all_tenants():  # staff look at every organisation
            open_claims = list(
                Claim.objects.filter(state__in=OPEN_STATES)
                .select_related("tenant", "device")
                .order_by("-claimed_at")[:limit]
            )
            held = list(
                Claim.objects.filter(state__in=HOLDING_STATES).values_list("pending_id", flat=True)
            )
        self.stdout.write("Open claims:")
        for claim in open_claims:
            left = int((claim.expires_at - now).total_seconds() // 60)
            self.stdout.write(
                f"  {claim.hardware_id}  {claim.state}  {claim.tenant.slug}  {left} min left"
            )
        self.stdout.write("Unclaimed boxes:")
        boxes = PendingDevice.objects.exclude(id__in=held).order_by("-last_heard_at")[:limit]
        for box in boxes:
            age = int((now - box.last_heard_at).total_seconds())
            self.stdout.write(f"  {box.hardware_id}  {box.model or '-'}  heard {age} s ago")
