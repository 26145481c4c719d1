"""What the first bytes of an image must be."""

from __future__ import annotations

from collections.abc import Callable

HEAD_BYTES = 64
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!")
_MAX_SEGMENTS = 16
_ESP32_HEADER_BYTES = 24


class BadImage(ValueError):
    """Bytes that are no image of the expected form; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def check_head(head: bytes, *, image_format: str) -> None:
    """Check the first `HEAD_BYTES` of an image.

    An archive is refused in every form: nothing here ever unpacks one.

    Raises: BadImage: `archive` or `wrong_type`.
    """
    if head.startswith(_ARCHIVES):
        raise BadImage("archive", "This is an archive; upload the image itself.")
    check = _FORMS.get(image_format)
    if check is None or not check(head):
        raise BadImage("wrong_type", f"The bytes are no image of the form {image_format}.")


def _is_esp32(head: bytes) -> bool:
    """Magic byte 0xE9, then the number of segments."""
    return len(head) >= _ESP32_HEADER_BYTES and head[0] == 0xE9 and 1 <= head[1] <= _MAX_SEGMENTS


_FORMS: dict[str, Callable[[bytes], bool]] = {
    "esp32": _is_esp32,
    "uimage": lambda head: head.startswith(b"\x27\x05\x19\x56"),
    "elf": lambda head: head.startswith(b"\x7fELF"),
    "raw": bool,
}
