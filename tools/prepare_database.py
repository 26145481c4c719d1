"""Migrate and seed in one process: three starts of Django would cost three seconds.

Usage: python -m tools.prepare_database DEMO_FILE
"""

from __future__ import annotations

import sys

import django
from django.core.management import call_command


def main() -> None:
    """Bring the database up to date, then seed what is missing."""
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("rbac_sync", verbosity=0)
    call_command("seed_demo", out=sys.argv[1])


if __name__ == "__main__":
    main()
