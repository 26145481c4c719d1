"""An uploaded file as a stream of bytes: unpacked within a bound, its progress known."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from typing import IO, Any

MAX_BYTES = 100 * 1024 * 1024
MAX_INFLATED = 1024 * 1024 * 1024
MAX_LINE = 1024 * 1024
GZIP_MAGIC = b"\x1f\x8b"


class FileProblem(ValueError):
    """A file that cannot be read at all; `code` is the reason."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class BoundedBytes(io.RawIOBase):
    """The bytes of a file, unpacked if it is gzip; more than the bound are refused."""

    def __init__(self, file: IO[bytes], *, size: int, limit: int = MAX_INFLATED) -> None:
        super().__init__()
        self._file, self._size, self._limit = file, max(size, 1), limit
        self._count = 0
        file.seek(0)
        is_packed = file.read(2) == GZIP_MAGIC
        file.seek(0)
        self._source: Any = gzip.GzipFile(fileobj=file, mode="rb") if is_packed else file

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes.

        Raises: FileProblem: too_large, bad_gzip.
        """
        try:
            data = self._source.read(len(buffer))
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise FileProblem("bad_gzip", f"The packed file is damaged: {error}.") from error
        self._count += len(data)
        if self._count > self._limit:
            size = self._limit // (1024 * 1024)
            raise FileProblem("too_large", f"Unpacked, the file is larger than {size} MB.")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file too."""
        if not self.closed:
            self._file.close()
        super().close()

    def fraction(self) -> float:
        """Return which part of the stored bytes was read, 0 to 1."""
        if self._file.closed:
            return 1.0
        return min(1.0, self._file.tell() / self._size)


def text_lines(source: BoundedBytes, encoding: str) -> Iterator[str]:
    """Yield lines with their ends.

    Raises: FileProblem: bad_encoding, line_too_long.
    """
    try:
        text = io.TextIOWrapper(io.BufferedReader(source, 65_536), encoding, newline="")
    except LookupError:
        raise FileProblem("bad_encoding", f"{encoding!r} is no encoding.") from None
    while True:
        try:
            line = text.readline(MAX_LINE)
        except UnicodeError as error:
            detail = f"The text is not {encoding}: {error}. Choose another encoding."
            raise FileProblem("bad_encoding", detail[:300]) from error
        if not line:
            return
        if len(line) == MAX_LINE and not line.endswith("\n"):
            raise FileProblem("line_too_long", "A line is longer than 1 MB: is this a table?")
        yield line
