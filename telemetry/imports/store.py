"""Where uploaded files lie: private, under names that we make, deleted with their import."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from pathlib import Path
from typing import IO, cast

from django.core.files.storage import FileSystemStorage, storages

from telemetry.imports.files import BoundedBytes, FileProblem
from telemetry.imports.models import ImportJob
from telemetry.imports.reading import Opener

_BLOCK = 1024 * 1024


def import_storage() -> FileSystemStorage:
    """Return where the files lie; no address leads there."""
    return cast(FileSystemStorage, storages["imports"])


def name_for(tenant_id: uuid.UUID, job_id: uuid.UUID) -> str:
    """Return the name of a file; that of the person is never used."""
    return f"{tenant_id}/{job_id}"


def write_part(job: ImportJob, offset: int, data: bytes) -> None:
    """Write bytes at their place; what was behind is cut off, so repeating is harmless."""
    path = Path(import_storage().path(job.stored_as))
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
        file.truncate()


def open_stored(job: ImportJob) -> IO[bytes]:
    """Open the file of an import.

    Raises: FileProblem: file_gone.
    """
    try:
        return cast(IO[bytes], import_storage().open(job.stored_as, "rb"))
    except FileNotFoundError:
        raise FileProblem("file_gone", "The file was deleted; upload it again.") from None


def digest_of(job: ImportJob) -> tuple[str, int]:
    """Return SHA-256 and size of what is stored."""
    digest, size = hashlib.sha256(), 0
    with open_stored(job) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size


def opener_of(job: ImportJob) -> Opener:
    """Return what opens the file from its beginning."""
    return lambda: BoundedBytes(open_stored(job), size=job.size)


def delete_file(job: ImportJob) -> None:
    """Delete the file of an import."""
    import_storage().delete(job.stored_as)


def delete_folder(tenant_id: uuid.UUID) -> int:
    """Delete all files of a tenant; return how many."""
    storage, folder = import_storage(), str(tenant_id)
    if not storage.exists(folder):
        return 0
    _folders, files = storage.listdir(folder)
    for name in files:
        storage.delete(f"{folder}/{name}")
    storage.delete(folder)
    return len(files)


def files_older_than(moment: dt.datetime) -> list[str]:
    """Return the names of all files that were last written before."""
    storage, found = import_storage(), []
    if not storage.exists(""):
        return []
    for folder in storage.listdir("")[0]:
        names = (f"{folder}/{name}" for name in storage.listdir(folder)[1])
        found += [name for name in names if storage.get_modified_time(name) < moment]
    return found
