"""Give a box the successor of a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.services.refusals import Refusal
from devices.box_lookup import certificate_scope
from devices.pki.files import write_files
from devices.services.certificates import renew_certificate


class Command(BaseCommand):
    """Renew; the old certificate stays good until the new one is seen, 30 days at most."""

    help = "Issue the successor of a certificate."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("serial", help="Hexadecimal serial number of the old one.")
        parser.add_argument("--csr", metavar="FILE", help="Without one a key is made.")
        parser.add_argument("--out", required=True, metavar="FOLDER")

    def handle(self, *, serial: str, csr: str | None, out: str, **options: Any) -> None:
        """Renew and write the files."""
        try:
            csr_pem = Path(csr).read_text() if csr else None
            with certificate_scope(serial):
                issued = renew_certificate(serial=serial, csr_pem=csr_pem, now=timezone.now())
        except (Refusal, OSError) as error:
            raise CommandError(str(error)) from error
        written = write_files(
            Path(out),
            issued.certificate.common_name,
            certificate_pem=issued.certificate.pem,
            authority_pem=issued.authority_pem,
            key_pem=issued.key_pem,
        )
        self.stdout.write(issued.certificate.serial)
        self.stdout.write(f"written: {', '.join(map(str, written))}")
