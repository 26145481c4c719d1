"""JSON that people wrote: where it does not fit, and why."""

from __future__ import annotations

import msgspec
import pytest

from energy.lib.documents import read_document


class Refused(Exception):
    def __init__(self, code: str, place: str, message: str) -> None:
        super().__init__(code, place, message)
        self.code, self.place = code, place


class Shape(msgspec.Struct, forbid_unknown_fields=True):
    numbers: list[int]


def read(document: object) -> Shape:
    return read_document(document, Shape, most_bytes=100, refuse=Refused)  # type: ignore[arg-type]


def test_what_fits_is_read_from_bytes_and_from_objects() -> None:
    assert read(b'{"numbers": [1]}').numbers == read({"numbers": [1]}).numbers == [1]


@pytest.mark.parametrize(
    ("document", "code", "place"),
    [
        ({"numbers": [1, "2"]}, "bad_shape", "numbers[1]"),
        ({"numbers": [], "other": 1}, "bad_shape", ""),
        (b'{"numbers": [1', "bad_shape", ""),
        (b'{"\xff": 1}', "bad_shape", ""),
        (b"[" * 90, "bad_shape", ""),
        ({"numbers": object()}, "bad_shape", ""),
        (b" " * 101, "too_large", ""),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    document: object, code: str, place: str
) -> None:
    with pytest.raises(Refused) as caught:
        read(document)
    assert (caught.value.code, caught.value.place) == (code, place)
