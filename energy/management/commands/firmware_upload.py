"""Upload firmware from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.models import Tenant
from accounts.services.refusals import Refusal
from accounts.tenancy import tenant_scope
from devices.firmware.keys import SIGNATURE_BYTES, encode
from devices.services.firmware import Upload, publish_release, upload_release


class Command(BaseCommand):
    """Check firmware, then keep it for one organisation or offer it to all."""

    help = "Store firmware after every check: signature, hash, size, form, version."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("manifest", type=Path, help="The JSON that the vendor signed.")
        parser.add_argument("signature", type=Path, help="64 bytes, or the same in base64.")
        parser.add_argument("image", type=Path)
        owner = parser.add_mutually_exclusive_group(required=True)
        owner.add_argument("--tenant", help="Short name of the organisation.")
        owner.add_argument("--publish", action="store_true", help="Offer it to every organisation.")
        parser.add_argument("--notes", default="", help="What is new.")
        parser.add_argument("--allow-downgrade", action="store_true")

    def handle(self, *, manifest: Path, signature: Path, image: Path, **options: Any) -> None:
        """Upload, or say which check it fails."""
        try:
            with image.open("rb") as opened:
                upload = Upload(
                    manifest=manifest.read_bytes(),
                    signature=_text(signature.read_bytes()),
                    image=File(opened),
                    notes=options["notes"],
                    allows_downgrade=options["allow_downgrade"],
                )
                release = self._store(upload, options["tenant"])
        except OSError as error:
            raise CommandError(str(error)) from error
        except Refusal as refusal:
            raise CommandError(f"{refusal} ({refusal.code})") from refusal
        self.stdout.write(f"{release.id}  {release.profile.key} {release.version}")

    def _store(self, upload: Upload, slug: str | None) -> Any:
        now = timezone.now()
        if slug is None:
            return publish_release(upload=upload, actor=None, now=now)
        tenant = Tenant.objects.filter(slug=slug).first()
        if tenant is None:
            raise CommandError(f"There is no organisation {slug}.")
        with tenant_scope(tenant.id):
            return upload_release(upload=upload, actor=None, now=now)


def _text(raw: bytes) -> str:
    is_raw = len(raw) == SIGNATURE_BYTES
    return encode(raw) if is_raw else raw.decode("ascii", "replace").strip()
