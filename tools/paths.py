"""Where things lie in a checkout."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
DOWNLOADS = VAR / "tools"
VENV = ROOT / ".venv"
DEMO_FILE = VAR / "demo.json"
LOCK_FILE = VAR / "demo.lock"
