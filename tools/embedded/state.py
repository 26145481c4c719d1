"""Folders, secrets and accounts of one set of embedded servers."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import secrets
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.paths import ROOT, VAR

SLUG = "energy"
IS_ROOT = os.geteuid() == 0
SERVER_ACCOUNT = "nobody"  # PostgreSQL refuses uid 0


def demotion() -> dict[str, Any]:
    """Return the `subprocess` arguments that drop root; empty for an ordinary user."""
    if not IS_ROOT:
        return {}
    account = pwd.getpwnam(SERVER_ACCOUNT)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def system_folder() -> Path:
    """Return where root keeps what the servers of this checkout must reach.

    The unprivileged account cannot enter root's home, and a checkout often lies there.
    """
    checkout = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
    return Path(f"/var/lib/{SLUG}-{checkout}")


def write_private(path: Path, text: str) -> None:
    """Replace a file at once by one that only its owner can read."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def give_to_servers(*paths: Path) -> None:
    """As root: make the servers' account the owner of files or folders (not what is in them)."""
    if IS_ROOT:
        account = pwd.getpwnam(SERVER_ACCOUNT)
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)


class State:
    """The folders of one set of servers.

    `home` belongs to the person: secrets, PKI, logs, demo.json. `servers` holds the
    servers' data: a folder in `home`, or for root one below `system_folder()`.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.home.mkdir(parents=True, exist_ok=True)
        self.servers = self._root_servers() if IS_ROOT else self.home / "servers"
        self.servers.mkdir(parents=True, exist_ok=True)
        self.servers.chmod(0o711)
        self.log = self._folder("log")
        self.pki = self._folder("pki")
        self._secrets = self._folder("secrets")

    def _folder(self, name: str) -> Path:
        folder = self.home / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def _root_servers(self) -> Path:
        _sweep_root_servers()
        marker = self.home / ".servers"
        if not marker.exists():
            write_private(marker, uuid.uuid4().hex[:12])
        folder = system_folder() / "servers" / marker.read_text()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "owner").write_text(str(self.home))
        for parent in (system_folder(), system_folder() / "servers"):
            parent.chmod(0o711)
        return folder

    def secret(self, name: str) -> str:
        """Return a password that is made once and kept; only characters safe in a URL."""
        file = self._secrets / name
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        return file.read_text()

    def server_folder(self, name: str) -> Path:
        """Return a folder that only the account of the servers can enter."""
        folder = self.servers / name
        folder.mkdir(mode=0o700, exist_ok=True)
        give_to_servers(folder)
        return folder

    def remove(self) -> None:
        """Delete everything this set of servers ever wrote; stop the servers first."""
        shutil.rmtree(self.servers, ignore_errors=True)
        for name in ("log", "pki", "secrets"):
            shutil.rmtree(self.home / name, ignore_errors=True)
        (self.home / ".servers").unlink(missing_ok=True)


def _sweep_root_servers() -> None:
    """Delete root's server folders whose home is gone, such as those of old test runs."""
    for folder in (system_folder() / "servers").glob("*"):
        with contextlib.suppress(OSError):
            marker = Path((folder / "owner").read_text()) / ".servers"
            if not marker.exists() or marker.read_text() != folder.name:
                shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def throwaway_home(purpose: str) -> Iterator[Path]:
    """Yield an empty folder for a `State` and delete both afterwards.

    What a killed run left behind is deleted by the next one.
    """
    parent = VAR / "tmp"
    for stale in parent.glob("*-*"):
        pid = stale.name.rpartition("-")[2]
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(stale, ignore_errors=True)
    home = parent / f"{purpose}-{os.getpid()}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    try:
        yield home
    finally:
        if (home / ".servers").exists() or not IS_ROOT:
            State(home).remove()
        shutil.rmtree(home, ignore_errors=True)


def stage_programs(name: str, *sources: Path) -> list[Path]:
    """Return programs at a place that the servers' account can reach.

    As root they are copied once per version below `system_folder()`; a copy appears
    under its final name only when it is complete, so parallel starts are safe. For an
    ordinary user they stay where they are.
    """
    if not IS_ROOT:
        return list(sources)
    target = system_folder() / "programs" / f"{name}-{_fingerprint(sources)}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        draft.mkdir(parents=True)
        for source in sources:
            if source.is_dir():
                shutil.copytree(source, draft / source.name, symlinks=True)
            else:
                shutil.copy2(source, draft / source.name)
        for parent in (system_folder(), target.parent):
            parent.chmod(0o711)
        subprocess.run(["chmod", "-R", "a+rX", str(draft)], check=True)
        try:
            draft.rename(target)
        except OSError:  # somebody else was faster
            shutil.rmtree(draft, ignore_errors=True)
    return [target / source.name for source in sources]


def _fingerprint(sources: tuple[Path, ...]) -> str:
    """Return a digest of names and sizes: the same after the same package is installed again."""
    digest = hashlib.sha256()
    for source in sources:
        for file in sorted([source, *source.rglob("*")]):
            size = file.lstat().st_size if not file.is_dir() else 0
            digest.update(f"{file.relative_to(source.parent)} {size}\0".encode())
    return digest.hexdigest()[:8]
