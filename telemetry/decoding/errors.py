"""What can be wrong with a mapping."""

from __future__ import annotations


class MappingError(ValueError):
    """A mapping that cannot be used.

    `path` is the place in the mapping, such as `topics[0].values[2].unit`; `code` one of
    bad_shape, too_large, bad_topic, bad_path, bad_template, bad_unit, bad_kind, bad_format,
    bad_zone.
    """

    def __init__(self, path: str, code: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}" if path else detail)
        self.path = path
        self.code = code
        self.detail = detail
