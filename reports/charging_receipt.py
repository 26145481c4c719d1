"""Receipts of charging sessions as PDF; the same bytes for the same receipt."""

from __future__ import annotations

import io
import uuid
from collections.abc import Mapping
from decimal import Decimal

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.pages.access import requires
from charging.pages.rows import who_of
from charging.queries.pages_receipt import Receipt, ReceiptLine, read_receipt
from charging.queries.pages_sessions import find_session
from charging.words import estimate_words
from reports.documents.content import Column, Document, Kind, Row, Table, Text
from reports.documents.pdf_files import write_pdf
from reports.documents.wording import speaking, wording_of

_NAMES: Mapping[str, Promise] = {
    "energy": gettext_lazy("Energy"), "session": gettext_lazy("Fee of the session"),
    "idle": gettext_lazy("Connected without charging"), "rounding": gettext_lazy("Rounding"),
}  # fmt: skip


@require_safe
@never_cache
@requires("read:charger")
def receipt_pdf(request: HttpRequest, charging_session_id: uuid.UUID) -> HttpResponse:
    """Send the receipt of a session as PDF, in the language of the reader."""
    session = find_session(charging_session_id)
    receipt = read_receipt(session, now=timezone.now()) if session else None
    if receipt is None:
        raise Http404
    out = io.BytesIO()
    write_pdf(make_document(receipt, language=get_language() or "en"), out)
    response = HttpResponse(out.getvalue(), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="receipt-{receipt.number}.pdf"'
    return response


def make_document(receipt: Receipt, *, language: str) -> Document:
    """Return a receipt as a document in a language."""
    empty = Document(
        title="", subtitle="", organisation="", site="", period_label="", zone=receipt.zone,
        generated_at=receipt.issued_at, language=language,
    )  # fmt: skip
    with speaking(empty):
        wording = wording_of(empty)
        session = receipt.session
        period = f"{wording.time(session.started_at)} – {wording.time(receipt.issued_at)}"
        if session.ended_at:
            period = f"{wording.time(session.started_at)} – {wording.time(session.ended_at)}"
        return Document(
            title=_("Receipt %(number)s") % {"number": receipt.number},
            subtitle=_("Charging session"), organisation=receipt.seller, site=receipt.place,
            period_label=period, zone=receipt.zone, generated_at=receipt.issued_at,
            language=language, notes=_notes(receipt), sections=[_about(receipt), _table(receipt)],
        )  # fmt: skip


def _about(receipt: Receipt) -> Text:
    session = receipt.session
    lines = [
        f"{_('Seller')}: {receipt.seller}",
        f"{_('Place')}: {receipt.place}",
        f"{_('For whom')}: {who_of(session) or '–'}",
    ]
    if session.register_start is not None and session.register_end is not None:
        registers = f"{session.register_start:f} – {session.register_end:f} kWh"
        lines.append(f"{_('Registers')}: {registers}")
    return Text("\n".join(lines))


def _table(receipt: Receipt) -> Table:
    currency = receipt.currency
    vat = _("VAT %(percent)s %%") % {"percent": f"{receipt.vat_percent.normalize():f}"}
    rows: list[Row] = [_row(line, currency) for line in receipt.lines]
    rows += [
        (_("Without VAT"), None, "", None, receipt.net),
        (vat, None, "", None, receipt.vat),
    ]
    return Table(
        title=_("What it costs"),
        columns=[
            Column(pgettext("charging", "For")),
            Column(pgettext("charging", "Amount"), Kind.NUMBER, digits=3),
            Column(_("Unit")), Column(_("Price"), Kind.MONEY, currency, digits=4),
            Column(_("Cost"), Kind.MONEY, currency),
        ],
        rows=rows,
        totals=(_("Total"), None, "", None, receipt.total),
    )  # fmt: skip


def _row(line: ReceiptLine, currency: str) -> Row:
    unit = {"energy": "kWh", "idle": "min"}.get(line.kind, "")
    if line.kind == "rounding":
        return (str(_NAMES[line.kind]), None, "", None, line.amount)
    quantity: Decimal | None = line.quantity
    return (str(_NAMES[line.kind]), quantity, unit, line.price, line.amount)


def _notes(receipt: Receipt) -> list[str]:
    notes = [_("Prices include VAT.")]
    if not receipt.is_final:
        notes.append(_("Late samples may still change it within a day."))
    if receipt.session.is_estimated:
        why = estimate_words(receipt.session.estimate_note)
        reason = _("Reason: %(why)s.") % {"why": why} if why else ""
        notes.append(f"{_('The energy is an estimate.')} {reason}".strip())
    return notes
