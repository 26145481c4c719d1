"""Import a tariff, or prices by the hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from energy.lib.database.single import EXIT_HELD, HeldElsewhere, only_here
from metering.services.tariff_files import load_tariff
from metering.services.tariffs import import_prices
from metering.tariffs.prices import BadPrices


class Command(BaseCommand):
    """Read a tariff with its versions, or with --series a document of prices."""

    help = (
        "Import a tariff with its versions from JSON, or with --series prices from CSV or ENTSO-E "
        "XML. Repeating it adds nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--tenant", required=True, help="Short name of the organisation.")
        parser.add_argument("--series", help="The file holds prices of this series.")
        parser.add_argument("--format", choices=("csv", "entsoe"), default="csv")
        parser.add_argument("--tz", default="UTC", help="Zone of times without offset.")
        parser.add_argument("--minutes", type=int, choices=(15, 30, 60), default=60)
        parser.add_argument("--unit", choices=("kWh", "MWh"), default="kWh")
        parser.add_argument("--currency", default="")
        parser.add_argument("--sequence", type=int, help="Of several auctions in an XML.")
        parser.add_argument("--dry-run", action="store_true", help="Only count.")

    def handle(self, *, file: Path, **options: Any) -> None:
        """Import, and say what was new."""
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {options['tenant']}.")
        try:
            with tenant_scope(tenant.id), only_here(f"tariff_import of {tenant.slug}"):
                text = self._import(file.read_bytes(), options)
        except HeldElsewhere as error:
            raise CommandError(str(error), returncode=EXIT_HELD) from error
        except (OSError, Refusal, BadPrices, ZoneInfoNotFoundError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text)

    def _import(self, document: bytes, options: dict[str, Any]) -> str:
        now, is_trial = timezone.now(), options["dry_run"]
        verb = "would be added" if is_trial else "added"
        if not options["series"]:
            loaded = load_tariff(document, now=now, is_trial=is_trial)
            noun = "version" if loaded.added == 1 else "versions"
            was = "was" if loaded.known == 1 else "were"
            return f"{loaded.added} {noun} {verb}, {loaded.known} {was} there already."
        done = import_prices(
            series=options["series"], document=document, form=options["format"],
            zone=ZoneInfo(options["tz"]), minutes=options["minutes"], unit=options["unit"],
            currency=options["currency"], sequence=options["sequence"], now=now,
            is_trial=is_trial,
        )  # fmt: skip
        return f"{done.added} of {done.quarters} quarter hours {verb}, {done.changed} changed."
