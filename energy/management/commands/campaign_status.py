"""Show how far campaigns are."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Tenant
from accounts.tenancy import tenant_scope
from devices.queries_campaigns import CampaignView, find_campaign, list_campaigns

SHOWN = 20


class Command(BaseCommand):
    """Print the campaigns of an organisation, or the waves of one."""

    help = "Show the newest campaigns of an organisation with their waves."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("--tenant", required=True, help="Short name of the organisation.")
        parser.add_argument("--running", action="store_true", help="Only those not ended.")
        parser.add_argument("--json", action="store_true", help="One JSON array on stdout.")

    def handle(self, *, tenant: str, running: bool, **options: Any) -> None:
        """Print what the queries found."""
        owner = Tenant.objects.filter(slug=tenant).first()
        if owner is None:
            raise CommandError(f"There is no organisation {tenant}.")
        with tenant_scope(owner.id):
            rows = list_campaigns().order_by("-started_at", "id")
            if running:
                rows = rows.filter(finished_at=None)
            views = [find_campaign(row.id) for row in rows[:SHOWN]]
        found = [view for view in views if view is not None]
        if options["json"]:
            self.stdout.write(json.dumps([_as_dict(view) for view in found]))
            return
        for view in found:
            self._print(view)

    def _print(self, view: CampaignView) -> None:
        campaign = view.campaign
        what = campaign.release.version if campaign.release else campaign.kind
        self.stdout.write(
            f"{campaign.id}  {campaign.state:9}  {campaign.name} ({what})"
            + (f"  {campaign.reason}" if campaign.reason else "")
        )
        for wave in view.counts:
            self.stdout.write(
                f"    wave {wave.wave}: {wave.done} of {wave.total} done, {wave.active} under way, "
                f"{wave.failed} failed, {wave.skipped} skipped, {wave.waiting} waiting, "
                f"{wave.away} away"
            )


def _as_dict(view: CampaignView) -> dict[str, Any]:
    campaign = view.campaign
    return {
        "id": str(campaign.id),
        "name": campaign.name,
        "state": campaign.state,
        "reason": campaign.reason,
        "waves": [
            {
                name: getattr(wave, name)
                for name in ("done", "failed", "skipped", "active", "waiting", "away")
            }
            for wave in view.counts
        ],
    }
