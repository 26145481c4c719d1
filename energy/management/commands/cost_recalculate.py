"""Compute costs anew."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from energy.lib.database.single import EXIT_HELD, HeldElsewhere, only_here
from metering.services.cost_rebuilds import Rebuilt, rebuild_costs
from metering.services.costs import Recalculated
from metering.tariffs.energy import UnknownPriceSeries


class Command(BaseCommand):
    """Compute cost lines from the ledger and the tariffs."""

    help = (
        "Compute costs from the ledger and the tariffs anew; what is right already is left as it "
        "is, and what was billed is only adjusted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        day = dt.date.fromisoformat
        parser.add_argument("--tenant", required=True, help="Short name of the organisation.")
        parser.add_argument("--site", type=uuid.UUID, help="Only this site.")
        parser.add_argument("--from", dest="start", type=day, help="First day; else a year ago.")
        parser.add_argument("--to", dest="end", type=day, help="Day after the last; else today.")
        parser.add_argument("--dry-run", action="store_true", help="Count, but change nothing.")
        parser.add_argument(
            "--resume", action="store_true", help="Go on where the same command was interrupted."
        )

    def handle(self, *, dry_run: bool, resume: bool, **options: Any) -> None:
        """Recalculate, telling the progress."""
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {options['tenant']}.")
        now = timezone.now()
        today = now.date()
        parts = rebuild_costs(
            start=options["start"] or today - dt.timedelta(days=365),
            end=options["end"] or today + dt.timedelta(days=1),
            site_id=options["site"], now=now, is_trial=dry_run, resumes=resume,
        )  # fmt: skip
        try:
            with tenant_scope(tenant.id), only_here(f"cost_recalculate of {tenant.slug}"):
                found = self._follow(parts)
        except HeldElsewhere as error:
            raise CommandError(str(error), returncode=EXIT_HELD) from error
        except UnknownPriceSeries as error:
            raise CommandError(f"There is no price series {error.args[0]}.") from error
        except Refusal as error:
            raise CommandError(str(error)) from error
        self.stdout.write(_describe(found, is_trial=dry_run))

    def _follow(self, parts: Iterable[Rebuilt]) -> Recalculated:
        found = Recalculated()
        for part in parts:
            found += part.found
            self.stdout.write(f"{100 * part.done // part.parts:3d} %")
        return found


def _describe(found: Recalculated, *, is_trial: bool) -> str:
    verb = "would be written" if is_trial else "written"
    sums = ", ".join(
        f"{found.before.get(currency, 0)} → {amount} {currency}"
        for currency, amount in sorted(found.after.items())
    )
    return (
        f"{found.written} lines {verb}, {found.adjustments} of them adjustments; "
        f"{found.ended} replaced. {sums}"
    ).strip()
