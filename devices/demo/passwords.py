"""The file that holds the demo's logins and device credentials."""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def read_demo_file(path: Path) -> dict[str, Any]:
    """Return the content; empty when there is no file."""
    return dict(json.loads(path.read_text())) if path.exists() else {}


def merge_into_file(path: Path, values: Mapping[str, Any]) -> None:
    """Replace some keys and keep the rest; the file appears whole, readable by its owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump({**read_demo_file(path), **values}, file, indent=1, ensure_ascii=False)
            file.write("\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


class Passwords:
    """Passwords by user, gateway and direct device: those of the file, else new ones."""

    def __init__(self, known: Mapping[str, Any], *, reset: bool) -> None:
        self._known: dict[str, str] = {}
        if not reset:
            keys = (("users", "email"), ("gateways", "uid"), ("devices", "username"))
            for section, name in keys:
                for entry in known.get(section, []):
                    self._known[f"{section}:{entry[name]}"] = entry["password"]

    def take(self, section: str, name: str) -> str:
        """Return the password that the file has, else a new one."""
        return self._known.setdefault(f"{section}:{name}", secrets.token_urlsafe(12))
