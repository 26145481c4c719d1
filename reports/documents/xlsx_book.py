"""A workbook with formats that are made once and sheet names that Excel accepts."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.documents.content import Column, Document, Kind, Number
from reports.documents.wording import printable, to_decimal, unit_sign

MAX_NAME = 31  # of UTF-16, in which an emoji counts twice
_FORBIDDEN = re.compile(r"[\[\]:*?/\\]")


class Book:
    """What all sheets of a document share."""

    def __init__(self, workbook: Workbook, document: Document) -> None:
        self.workbook = workbook
        self.document = document
        self._styles: dict[tuple[Any, ...], Format] = {}
        self._names: set[str] = {"history"}  # Excel keeps this name for itself

    def add_sheet(self, wanted: str) -> Worksheet:
        """Add a sheet that prints on the width of a page."""
        sheet = self.workbook.add_worksheet(self._free_name(wanted))
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        title = printable(self.document.title[:100])
        sheet.set_footer("&L" + title.replace("&", "&&") + "&R&P / &N")
        return sheet

    def style(self, **properties: Any) -> Format:
        """Return the format with these properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._styles:
            self._styles[key] = self.workbook.add_format(properties)
        return self._styles[key]

    def number_style(self, digits: int, sign: str = "", **properties: Any) -> Format:
        """Return the format of numbers; Excel writes its marks as its user does."""
        return self.style(num_format=number_format(digits, sign), **properties)

    def column_style(self, column: Column, **properties: Any) -> Format:
        """Return the format of the cells of a column."""
        match column.kind:
            case Kind.TEXT:
                return self.style(text_wrap=True, valign="top", **properties)
            case Kind.TIME:
                return self.style(num_format="yyyy-mm-dd hh:mm", **properties)
            case Kind.DAY:
                return self.style(num_format="yyyy-mm-dd", **properties)
            case Kind.PERCENT:
                return self.style(num_format=f"{number_format(column.digits)}%", **properties)
            case Kind.MONEY:
                return self.number_style(column.digits, unit_sign(column.unit), **properties)
        return self.number_style(column.digits, **properties)

    @staticmethod
    def write_number(
        sheet: Worksheet, row: int, column: int, value: Number, form: Format, divisor: int = 1
    ) -> None:
        """Write a finite number; leave the cell empty for another."""
        exact = to_decimal(value)
        if exact is None:
            sheet.write_blank(row, column, None, form)
        else:
            sheet.write_number(row, column, float(exact / divisor), form)

    def _free_name(self, wanted: str) -> str:
        base = _FORBIDDEN.sub(" ", printable(wanted)).strip().strip("'").strip() or _("Sheet")
        name, number = _cut(base, MAX_NAME), 1
        while name.casefold() in self._names:
            number += 1
            ending = f" ({number})"
            name = _cut(base, MAX_NAME - len(ending)) + ending
        self._names.add(name.casefold())
        return name


def number_format(digits: int, sign: str = "") -> str:
    """Return Excel's code for numbers with thousands, digits after the point and a unit."""
    code = "#,##0" + ("." + "0" * digits if digits else "")
    quoted = printable(sign).replace('"', "")
    return f'{code}" {quoted}"' if quoted else code


def _cut(name: str, length: int) -> str:
    return name.encode("utf-16-le")[: 2 * length].decode("utf-16-le", "ignore").rstrip(" '")
