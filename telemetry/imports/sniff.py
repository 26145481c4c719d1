"""The first guess at how a file is to be read, with the evidence for a person to judge."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from telemetry.imports.clock import Clock, TimeProblem, read_ordered
from telemetry.imports.columns import guess_columns, is_number, mostly
from telemetry.imports.espi import columns_of, read_series
from telemetry.imports.files import FileProblem
from telemetry.imports.plan import Plan
from telemetry.imports.reading import Opener
from telemetry.imports.tables import Raw, csv_rows, open_book, xlsx_rows

SAMPLE_ROWS = 5_000
HEAD_BYTES = 65_536
DELIMITERS = (";", "\t", ",", "|")
_FAR_FUTURE = 4_102_444_800 * 1_000_000
_DATE_IN_NAME = re.compile(r"(20\d\d)[-_.]?(\d\d)[-_.]?(\d\d)")
_ORDERED = ("dmy", "mdy", "ymd")


@dataclass(slots=True)
class Found:
    """A plan that fits the file as far as the file tells, and the evidence.

    `headers` names every column; `notes` are (code, text) for the person who decides.
    """

    plan: Plan
    headers: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def guess_plan(opener: Opener, *, file_name: str, zone: str) -> Found:
    """Look at the beginning of a file; `zone` is that of the site.

    Raises: FileProblem: it is no table and no Green Button file.
    """
    head = opener().read(HEAD_BYTES) or b""
    if not head.strip(b"\0 \r\n\t"):
        raise FileProblem("empty", _("The file is empty."))
    if head[:4] == b"PK\x03\x04":
        return _guess_sheet(opener, file_name, zone)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return _guess_espi(opener)
    return _guess_csv(opener, head, file_name, zone)


def _guess_espi(opener: Opener) -> Found:
    series = read_series(opener(), limit=20 * SAMPLE_ROWS)
    columns = columns_of(series)
    length = series[0].type.get("intervalLength", 0)
    plan = Plan(
        format="espi", zone="UTC", columns=tuple(columns), interval_seconds=length, skip_rows=0
    )
    notes = [("utc", _("Green Button times are in UTC; no zone has to be chosen."))]
    return Found(plan, [column.header for column in columns], notes)


def _guess_sheet(opener: Opener, file_name: str, zone: str) -> Found:
    book = open_book(opener())
    sheet = book.sheet_names[0]
    plan = Plan(format="xlsx", sheet=sheet, zone=zone, skip_rows=0)
    rows = _take(xlsx_rows(opener(), plan))
    return _finish(plan, rows, file_name)


def _guess_csv(opener: Opener, head: bytes, file_name: str, zone: str) -> Found:
    encoding, notes = _guess_encoding(head)
    text = head.decode(encoding, "replace")
    delimiter = _guess_delimiter(text.splitlines()[:200])
    plan = Plan(encoding=encoding, delimiter=delimiter, zone=zone, skip_rows=0)
    found = _finish(plan, _take(csv_rows(opener(), plan)), file_name)
    found.notes = notes + found.notes
    return found


def _take(rows: Any) -> list[Raw]:
    sample = []
    for row in rows:
        sample.append(row)
        if len(sample) >= SAMPLE_ROWS:
            break
    return sample


def _guess_encoding(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", []
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig", []
    try:
        head[: HEAD_BYTES - 4].decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 8:
            note = _("The text is not UTF-8; it is read as Western European (cp1252).")
            return "cp1252", [("encoding_guessed", note)]
    return "utf-8", []


def _guess_delimiter(lines: Sequence[str]) -> str:
    """Return the sign that cuts most lines into the same number of cells, two at least."""
    best, score = ",", 0.0
    for sign in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=sign) if row)
        except csv.Error:
            continue
        width, count = widths.most_common(1)[0] if widths else (1, 0)
        if width > 1 and count > score:
            best, score = sign, count
    return best


def _finish(plan: Plan, rows: list[Raw], file_name: str) -> Found:
    if not rows:
        raise FileProblem("empty", _("The file has no rows."))
    width = Counter(len(row.cells) for row in rows).most_common(1)[0][0]
    skip, headers = _find_header(rows, width)
    body = [row.cells for row in rows if row.number > skip and len(row.cells) >= width]
    if not body:
        raise FileProblem("empty", _("The file has a header and no rows."))
    notes: list[tuple[str, str]] = []
    plan = replace(plan, skip_rows=skip, decimal=_guess_decimal(plan, body))
    plan = _guess_times(plan, body, file_name, notes)
    plan = _guess_rhythm(plan, body, notes)
    columns = guess_columns(plan, headers, body)
    return Found(replace(plan, columns=columns), headers, notes)


def _find_header(rows: list[Raw], width: int) -> tuple[int, list[str]]:
    """Return the number of the last row before the data, and the names of the columns."""
    header: Raw | None = None
    skip = 0
    for row in rows[:20]:
        cells = [cell for cell in row.cells if str(cell).strip()]
        if len(row.cells) >= width and any(is_number(c) or _is_date(c) for c in cells):
            break
        header, skip = row, row.number
    else:
        return 0, [f"{n + 1}" for n in range(width)]
    names = [str(cell).strip() for cell in header.cells] if header else []
    names += [""] * (width - len(names))
    return skip, [name or f"{n + 1}" for n, name in enumerate(names[:width])]


def _is_date(cell: Any) -> bool:
    if isinstance(cell, (dt.date, dt.time)):
        return True
    text = str(cell).strip()
    return bool(re.fullmatch(r"\d{1,4}[./:-]\d{1,2}([./: -].*)?", text))


def _guess_decimal(plan: Plan, body: list[list[Any]]) -> str:
    texts = [str(cell).strip() for cells in body[:500] for cell in cells]
    commas = sum(1 for text in texts if re.fullmatch(r"[+-]?\d[\d.]*,\d+", text))
    points = sum(1 for text in texts if re.fullmatch(r"[+-]?\d[\d,]*\.\d+", text))
    return "," if plan.delimiter != "," and commas > points else "."


def _guess_times(
    plan: Plan, body: list[list[Any]], file_name: str, notes: list[tuple[str, str]]
) -> Plan:
    for columns in _time_candidates(body):
        cells = [[row[index] for index in columns] for row in body]
        found = _time_format(cells, notes)
        if found is None:
            continue
        date = ""
        if found == "time_of_day":
            match = _DATE_IN_NAME.search(file_name)
            date = "-".join(match.groups()) if match else ""
            known = _("The times have no date; it is taken from the file's name: %(date)s.")
            unknown = _("The times have no date: please say which day it is.")
            notes.append(("no_date", known % {"date": date} if date else unknown))
        return replace(plan, time_columns=columns, time_format=found, date=date)
    raise FileProblem("no_times", _("No column of the first rows holds times."))


def _time_candidates(body: list[list[Any]]) -> list[tuple[int, ...]]:
    """Return the columns that may hold the time, a date with a time of day beside it first."""
    width = min(len(row) for row in body)
    dates = [n for n in range(width) if _is_date(body[0][n])]
    pairs = [(a, b) for a, b in zip(dates, dates[1:], strict=False) if b == a + 1]
    stamps = [n for n in range(width) if _is_epoch(body[0][n])]
    single: list[tuple[int, ...]] = [(n,) for n in (*dates, *stamps)]
    return [*(pair for pair in pairs if _is_pair(body[0], pair)), *single]


def _is_pair(cells: list[Any], pair: tuple[int, int]) -> bool:
    first, second = (cells[n] for n in pair)
    if isinstance(second, dt.time):
        return isinstance(first, dt.date)
    return ":" not in str(first) and ":" in str(second) and not re.search(r"\d{4}", str(second))


def _is_epoch(cell: Any) -> bool:
    try:
        return 946_684_800 <= float(str(cell)) < 10**17
    except ValueError:
        return False


def _time_format(cells: list[list[Any]], notes: list[tuple[str, str]]) -> str | None:
    if any(isinstance(cell, (dt.date, dt.time)) for cell in cells[0]):
        return "native"
    for name in ("iso", "epoch", "time_of_day"):
        plan = Plan(time_format=name, date="2000-01-03")
        if mostly(_reads(plan, row) for row in cells[:200]):
            return name
    texts = [" ".join(str(cell).strip() for cell in row) for row in cells]
    texts = [text for text in texts if re.match(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}", text)]
    if 2 * len(texts) < len(cells):
        return None
    steps = {}
    for name, order in zip(_ORDERED, ("cba", "cab", "abc"), strict=True):
        try:
            moments = [read_ordered(text, order) for text in texts]
        except (ValueError, TypeError):
            continue
        steps[name] = _jump(moments)
    return _date_order(steps, notes)


def _reads(plan: Plan, cells: list[Any]) -> bool:
    try:
        Clock(plan, latest=_FAR_FUTURE).instant(cells)
    except TimeProblem as problem:
        return problem.code == "nonexistent_time"
    return True


def _jump(moments: list[dt.datetime]) -> dt.timedelta:
    """Return the largest step from one row to the next."""
    naive = [moment.replace(tzinfo=None) for moment in moments]
    steps = (abs(b - a) for a, b in zip(naive, naive[1:], strict=False))
    return max(steps, default=dt.timedelta(0))


def _date_order(steps: dict[str, dt.timedelta], notes: list[tuple[str, str]]) -> str | None:
    """Choose the order under which the rows follow each other; "" when nothing tells."""
    if not steps:
        return None
    names = {
        "dmy": _("day/month/year"), "mdy": _("month/day/year"), "ymd": _("year/month/day")
    }  # fmt: skip
    best = min(steps, key=lambda name: steps[name])
    others = [step for name, step in steps.items() if name != best]
    if not others:
        text = _("Dates are %(order)s: no other order fits.") % {"order": names[best]}
        notes.append(("date_order", text))
        return best
    if min(others) > steps[best]:
        text = _(
            "Dates are read as %(order)s: the rows then follow each other in steps of at most "
            "%(step)s, otherwise of %(other)s."
        )
        facts = {"order": names[best], "step": steps[best], "other": min(others)}
        notes.append(("date_order", text % facts))
        return best
    notes.append(("date_order_unknown", _("Nothing tells day from month: please choose.")))
    return ""


def _guess_rhythm(plan: Plan, body: list[list[Any]], notes: list[tuple[str, str]]) -> Plan:
    """Find the interval, the order of the rows, and whether times have an offset."""
    if not plan.time_format:
        return plan
    reader = replace(plan, zone="UTC", date=plan.date or "2000-01-03")
    clock = Clock(reader, latest=_FAR_FUTURE)
    times = [time for row in body if (time := _instant(clock, plan, row)) is not None]
    steps = Counter(b - a for a, b in zip(times, times[1:], strict=False) if b != a)
    if steps:
        usual = steps.most_common(1)[0][0]
        order = "ascending" if usual > 0 else "descending"
        plan = replace(plan, order=order, interval_seconds=round(abs(usual) / 1_000_000))
    text = " ".join(str(body[0][index]) for index in plan.time_columns)
    if plan.time_format != "epoch" and not re.search(r"(Z|[+-]\d\d:?\d\d)$", text.strip()):
        notes.append(
            ("naive_times", _("Times have no offset; the time zone of the settings decides."))
        )
    return _guess_stamp(plan, times, notes)


def _guess_stamp(plan: Plan, times: list[int], notes: list[tuple[str, str]]) -> Plan:
    """A day of its own that begins one interval after midnight was stamped at the ends."""
    span = plan.interval_seconds * 1_000_000
    day = 86_400_000_000
    if plan.time_format == "time_of_day" and times and span and times[0] % day == span:
        notes.append(
            ("end_stamped", _("The day begins one interval after midnight: times are the ends."))
        )
        return replace(plan, stamp="end")
    return plan


def _instant(clock: Clock, plan: Plan, row: list[Any]) -> int | None:
    try:
        return clock.instant([row[index] for index in plan.time_columns])
    except (TimeProblem, IndexError):
        return None
