"""Where exported files and reports lie: private, under names that we make."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import IO, Protocol, cast

from django.core.files.storage import FileSystemStorage, storages


class Filed(Protocol):
    """A row with a file of its own; ids are unique over all tables."""

    @property
    def tenant_id(self) -> uuid.UUID:
        """Whose it is."""

    @property
    def id(self) -> uuid.UUID:
        """What names the file."""


def export_storage() -> FileSystemStorage:
    """Return where the files lie; only signed addresses lead there."""
    return cast(FileSystemStorage, storages["exports"])


def path_of(job: Filed) -> Path:
    """Return the path of a job's file; its folder exists afterwards."""
    path = Path(export_storage().path(f"{job.tenant_id}/{job.id}"))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def append(job: Filed, offset: int, data: bytes) -> None:
    """Write behind the first `offset` bytes; what a dead worker wrote there is cut off."""
    path = path_of(job)
    path.touch(mode=0o600)
    with path.open("r+b") as file:
        file.truncate(offset)
        file.seek(offset)
        file.write(data)


def new_file(job: Filed) -> IO[bytes]:
    """Open a job's file to write it whole; what a dead worker wrote there is gone."""
    path = path_of(job)
    path.touch(mode=0o600)
    return path.open("w+b")


def open_file(job: Filed) -> IO[bytes]:
    """Open a job's file.

    Raises: FileNotFoundError
    """
    return path_of(job).open("rb")


def delete_file(tenant_id: uuid.UUID, job_id: uuid.UUID) -> None:
    """Delete a job's file if there is one."""
    export_storage().delete(f"{tenant_id}/{job_id}")


def delete_folder(tenant_id: uuid.UUID) -> int:
    """Delete all files of a tenant; return how many."""
    storage, folder = export_storage(), str(tenant_id)
    if not storage.exists(folder):
        return 0
    files = storage.listdir(folder)[1]
    for name in files:
        storage.delete(f"{folder}/{name}")
    storage.delete(folder)
    return len(files)
