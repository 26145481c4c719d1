"""Give a box a certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.services.refusals import Refusal
from devices.box_lookup import box_named
from devices.pki.files import write_files
from devices.services.certificates import issue_certificate


class Command(BaseCommand):
    """Issue a certificate for a signing request, or with a key that is written once."""

    help = "Issue a certificate for a gateway (by identifier) or a direct device (by id)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("box", help="Identifier of a gateway, or id of a device.")
        parser.add_argument("--csr", metavar="FILE", help="Without one a key is made.")
        parser.add_argument("--out", required=True, metavar="FOLDER")

    def handle(self, *, box: str, csr: str | None, out: str, **options: Any) -> None:
        """Issue and write NAME.crt, ca.crt and, without a request, NAME.key."""
        try:
            csr_pem = Path(csr).read_text() if csr else None
            with box_named(box) as device:
                issued = issue_certificate(device=device, csr_pem=csr_pem, now=timezone.now())
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
