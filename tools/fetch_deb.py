"""Rootless apt: download packages with their missing dependencies and unpack them.

Needs no root and installs nothing: the files lie under a folder as the packages
would place them under the root directory. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tools.terminal import say

ENVIRONMENT = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}


def fetch_packages(destination: Path, *packages: str) -> bool:
    """Unpack packages under a folder; False, with the reason on the screen, if apt cannot."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return False
    say(f"fetching {' '.join(packages)} with apt, without installing it")
    work = destination.absolute() / ".apt"  # apt takes relative paths for its own
    shutil.rmtree(work, ignore_errors=True)
    for name in ("lists/partial", "cache/archives/partial", "debs"):
        (work / name).mkdir(parents=True)
    try:
        return _download_and_unpack(destination, work, packages)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download_and_unpack(destination: Path, work: Path, packages: tuple[str, ...]) -> bool:
    options: list[str] = []
    needed = _plan(options, packages)
    if not needed or not _lists_know(needed):
        options = _private_lists(work)
        updated = _apt(*options, "-qq", "update")
        needed = _plan(options, packages)
        if not needed:
            say(f"apt does not offer {' '.join(packages)}: {updated.stderr.strip()[-400:]}")
            return False
    downloaded = _apt(*options, "-qq", "download", *needed, cwd=work / "debs")
    if downloaded.returncode != 0:
        say(f"apt-get download failed: {downloaded.stderr.strip()[-400:]}")
        return False
    for deb in sorted((work / "debs").glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(deb), str(destination)], check=True)
    return True


def _private_lists(work: Path) -> list[str]:
    """Return the apt options that keep lists and cache in a folder of our own."""
    settings = {
        "Dir::State": work,
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work / "cache",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Debug::NoLocking": 1,
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "",
    }
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def _plan(options: list[str], packages: tuple[str, ...]) -> list[str]:
    """Return the packages that an installation would add; empty if apt cannot tell."""
    simulate = ["-s", "-o", "APT::Install-Recommends=false", "install", "--reinstall"]
    lines = _apt(*options, *simulate, *packages).stdout.splitlines()
    return [line.split()[1] for line in lines if line.startswith("Inst ")]


def _lists_know(packages: list[str]) -> bool:
    """Tell whether the lists already on the machine say where the packages are."""
    return _apt("-qq", "download", "--print-uris", *packages, cwd=Path("/tmp")).returncode == 0


def _apt(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=ENVIRONMENT, cwd=cwd, check=False
    )
