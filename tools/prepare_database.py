"""Migrate and seed in one process: three starts of Django would cost three seconds.

Usage: python -m tools.prepare_database DEMO_FILE DAYS [PKI_FOLDER]

DAYS: how long ago the meters began to count.

DEMO_LINES in the environment says where the simulated buses and the charger are found.

With a folder its authority, which the embedded broker trusts, signs the demo's certificates.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django
from django.core.management import call_command


def main() -> None:
    """Bring the database up to date, then seed what is missing."""
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("rbac_sync", verbosity=0)
    demo_file, days, *folders = sys.argv[1:]
    for folder in folders:
        call_command(
            "pki_init",
            import_certificate=str(Path(folder) / "ca.crt"),
            import_key=str(Path(folder) / "ca.key"),
            replace=True,
        )
    call_command(
        "seed_demo",
        out=demo_file,
        certificates=folders[0] if folders else None,
        history_days=int(days),
        lines=os.environ.get("DEMO_LINES"),
    )


if __name__ == "__main__":
    main()
