"""Seal stored secrets again with the newest key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services.secret_rotation import Rotation, rotate_secrets
from energy.lib.sealing import current_key_id, known_key_ids


class Command(BaseCommand):
    """Rotate secrets; may be stopped and started again at any time."""

    help = "Seal every stored secret with the first key of SECRET_STORE_KEYS."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument("--dry-run", action="store_true", help="Change nothing.")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        """Rotate, and tell which keys are still needed; fails if a secret cannot be opened."""
        rotation = rotate_secrets(tell=self.stdout.write, dry_run=dry_run)
        verb = "would be sealed" if dry_run else "sealed"
        self.stdout.write(f"{rotation.resealed} {verb} again with key {current_key_id()}.")
        for failure in rotation.failures:
            self.stderr.write(f"{failure.column} of row {failure.row}: {failure.reason}")
        self._tell_keys(rotation)
        if rotation.failed:
            raise CommandError(f"{rotation.failed} could not be opened and stay as they are.")

    def _tell_keys(self, rotation: Rotation) -> None:
        for key_id, number in sorted(rotation.in_use.items()):
            missing = "" if key_id in known_key_ids() else ", which SECRET_STORE_KEYS has not"
            self.stdout.write(f"{number} sealed with key {key_id}{missing}.")
        for key_id in rotation.droppable:
            self.stdout.write(f"Key {key_id} is in use no more: you may drop it.")
