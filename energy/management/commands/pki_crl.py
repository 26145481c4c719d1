"""Sign the list of revoked certificates."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from accounts.services.refusals import Refusal
from devices.pki.crl import WARN_BEFORE
from devices.services.revocation_list import list_state, publish_list
from devices.wires.crl_file import ListNotPlaced


class Command(BaseCommand):
    """Sign and publish the list, or check it for a monitor."""

    help = "Sign the revocation list anew and let the broker read it (beat does so daily)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of this command."""
        parser.add_argument(
            "--check",
            action="store_true",
            help="Sign nothing; fail when the list ends within 7 days or lacks a certificate.",
        )
        parser.add_argument("--print", action="store_true", help="Write it to standard output.")

    def handle(self, *, check: bool, **options: Any) -> None:
        """Sign or check."""
        now = timezone.now()
        if check:
            self._check(now)
            return
        try:
            row = publish_list(now=now)
        except (Refusal, ListNotPlaced) as error:
            raise CommandError(str(error)) from error
        if options["print"]:
            self.stdout.write(row.crl_pem)
        else:
            self.stdout.write(f"list {row.crl_number}, good until {row.crl_next_update_at}")

    def _check(self, now: Any) -> None:
        state = list_state()
        left = state.left(now)
        if left is None:
            raise CommandError("There is no list: run pki_init.")
        if left <= WARN_BEFORE or state.pending:
            raise CommandError(
                f"The list is good for {left.days} days more and lacks {state.pending} "
                "certificates: is beat running? Run pki_crl."
            )
        self.stdout.write(f"good until {state.good_until}")
