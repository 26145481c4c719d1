"""End the access of a box."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.services.refusals import Refusal
from devices.box_lookup import box_named, certificate_scope
from devices.boxes import NotABox
from devices.models import BrokerChange, RevocationReason, RevokedCertificate
from devices.services.revocation import revoke_certificate, shut_out_box


class Command(BaseCommand):
    """Revoke one certificate, or all access of a box."""

    help = "Revoke a certificate, or with --box everything a box could come in with."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("serial", nargs="?", help="Hexadecimal serial number.")
        what.add_argument("--box", help="Identifier of a gateway, or id of a device.")
        parser.add_argument(
            "--reason", choices=RevocationReason.values, default=RevocationReason.UNSPECIFIED
        )
        parser.add_argument("--note", default="", help="Kept in the audit trail.")

    def handle(self, *, serial: str | None, box: str | None, **options: Any) -> None:
        """Revoke, and tell what the broker still has to do."""
        why = {"reason": options["reason"], "note": options["note"], "now": timezone.now()}
        try:
            if serial:
                with certificate_scope(serial):
                    revoke_certificate(serial=serial, **why)
            else:
                with box_named(box or "") as device:
                    number = shut_out_box(device=device, **why)
                    self.stdout.write(f"{number} certificates revoked.")
        except (Refusal, NotABox) as error:
            raise CommandError(str(error)) from error
        self._tell_pending()

    def _tell_pending(self) -> None:
        waiting = BrokerChange.objects.count()
        unlisted = RevokedCertificate.objects.filter(published_at=None).count()
        if waiting or unlisted:
            self.stderr.write(
                f"The broker has not done it yet ({waiting} accounts, {unlisted} certificates): "
                "it is tried again every 20 seconds."
            )
        else:
            self.stdout.write("Done: session ended, certificate refused.")
