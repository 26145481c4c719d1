"""Remembers for which code the demo's database was migrated and seeded.

Doing both for nothing takes three seconds of a start that should take less than ten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tools.paths import ROOT

# What migrating and seeding depend on; the packages bring migrations as well.
SOURCES = (
    "*/migrations/*.py",
    "*/demo/**/*",
    "*/management/commands/seed_demo.py",
    "requirements/base.txt",
)


def fingerprint(root: Path = ROOT) -> str:
    """Return a digest of everything that migrating and seeding depend on."""
    digest = hashlib.sha256()
    for file in sorted(_sources(root)):
        digest.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _sources(root: Path) -> Iterator[Path]:
    for pattern in SOURCES:
        for file in root.glob(pattern):
            if file.is_file() and file.suffix != ".pyc":
                yield file
