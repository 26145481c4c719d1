"""Make the authority that signs certificates of devices, or take one over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.services.refusals import Refusal
from devices.models import CertificateAuthority
from devices.pki.authority import UnusableAuthority
from devices.services.authorities import DEFAULT_NAME, create_authority, import_authority
from devices.services.revocation_list import publish_list
from devices.wires.crl_file import ListNotPlaced


class Command(BaseCommand):
    """Create or import an authority, then sign its first revocation list."""

    help = (
        "Make the authority of devices (elliptic curve by default), or import a self-signed "
        "one. Its key is sealed with SECRET_STORE_KEYS and never shown again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("--name", default=DEFAULT_NAME, help="Common name of a new one.")
        parser.add_argument("--algorithm", choices=["ec", "rsa"], default="ec")
        parser.add_argument("--import-certificate", metavar="FILE")
        parser.add_argument("--import-key", metavar="FILE", help="PEM; delete it afterwards.")
        parser.add_argument("--import-password-file", metavar="FILE")
        parser.add_argument(
            "--replace", action="store_true", help="Take the place of the active authority."
        )

    def handle(self, **options: Any) -> None:
        """Make or import; an import that was done before changes nothing."""
        now = timezone.now()
        try:
            authority = self._activate(now=now, **options)
            publish_list(now=now)
        except (Refusal, UnusableAuthority, OSError) as error:
            raise CommandError(str(error)) from error
        except ListNotPlaced as error:
            self.stderr.write(f"The list was not given to the broker: {error}")
        self.stdout.write(f"{authority.name}: {authority.fingerprint}")
        self.stdout.write(f"valid until {authority.not_after:%Y-%m-%d}; /pki/ca.crt has it.")

    def _activate(self, *, now: Any, replace: bool, **options: Any) -> CertificateAuthority:
        certificate, key = options["import_certificate"], options["import_key"]
        if bool(certificate) != bool(key):
            raise CommandError("--import-certificate and --import-key belong together.")
        if not certificate:
            return create_authority(
                name=options["name"], algorithm=options["algorithm"], replace=replace, now=now
            )
        password = options["import_password_file"]
        return import_authority(
            certificate_pem=Path(certificate).read_text(),
            key_pem=Path(key).read_text(),
            password=Path(password).read_text().strip() if password else None,
            replace=replace,
            now=now,
        )
