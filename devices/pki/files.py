"""A certificate and its key as files."""

from __future__ import annotations

import os
from pathlib import Path


def write_files(
    folder: Path, name: str, *, certificate_pem: str, authority_pem: str, key_pem: str | None
) -> list[Path]:
    """Write NAME.crt, ca.crt and, readable by their owner only, NAME.key; return the paths."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = []
    if key_pem is not None:
        key_file = folder / f"{name}.key"
        # never readable by others, not even for the time of a chmod
        key_file.unlink(missing_ok=True)
        with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key_pem)
        found.append(key_file)
    for path, text in (
        (folder / f"{name}.crt", certificate_pem),
        (folder / "ca.crt", authority_pem),
    ):
        path.write_text(text)
        found.append(path)
    return found
