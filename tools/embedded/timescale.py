"""PostgreSQL with TimescaleDB: that of the machine, else Debian's, fetched without installing it.

Debian's packages hold what is under the Apache licence, which is all that the product uses.
"""

from __future__ import annotations

import platform
import re
from pathlib import Path

from tools.embedded.postgres import Installation
from tools.embedded.state import stage_programs
from tools.fetch_deb import fetch_packages
from tools.paths import DOWNLOADS
from tools.terminal import say

PACKAGES = {"13": "postgresql-17-timescaledb"}  # by version of Debian
ZONES = Path("/usr/share/zoneinfo/UTC")  # Debian's PostgreSQL looks nowhere else
SETTINGS = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",  # it would tell its makers about the database
    "timescaledb.max_background_workers": "4",
}
NO_TIMESCALE = (
    "no TimescaleDB: on Debian 13 `apt-get install -y postgresql-17-timescaledb` as root, or set "
    "TIMESCALE_DATABASE_URL to a server that preloads the extension"
)


def find_timescale() -> Installation | None:
    """Return PostgreSQL with the extension, or None where there is none to be had."""
    programs = _programs_in(Path("/"))
    if programs is not None:
        return Installation(programs, {"LC_ALL": "C.UTF-8"}, SETTINGS)
    package = _package()
    if package is None or not ZONES.exists():
        return None
    tree = DOWNLOADS / package
    if _programs_in(tree) is None and not fetch_packages(tree, package):
        return None
    [tree] = stage_programs("timescale", tree)
    programs = _programs_in(tree)
    if programs is None:
        say(f"{package} has no server")
        return None
    libraries = ":".join(map(str, tree.glob("usr/lib/*-linux-gnu")))
    return Installation(programs, {"LD_LIBRARY_PATH": libraries, "LC_ALL": "C.UTF-8"}, SETTINGS)


def _programs_in(root: Path) -> Path | None:
    """Return the programs of the newest PostgreSQL below a folder that has the extension."""
    found = []
    for control in root.glob("usr/share/postgresql/*/extension/timescaledb.control"):
        version = control.parts[-3]
        programs = root / "usr/lib/postgresql" / version / "bin"
        if re.fullmatch(r"\d+", version) and (programs / "postgres").exists():
            found.append((int(version), programs))
    return max(found)[1] if found else None


def _package() -> str | None:
    try:
        machine = platform.freedesktop_os_release()
    except OSError:
        return None
    return PACKAGES.get(machine.get("VERSION_ID", "")) if machine["ID"] == "debian" else None
