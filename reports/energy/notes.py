"""Notes on the energy page: marks above the bars, a list, and the forms."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from accounts.models import User
from accounts.pages.access import requires
from accounts.services.refusals import Refusal
from devices.models import Site
from metering.analysis.local import to_moment
from metering.queries.energy import Summary
from telemetry.annotations.models import TEXT_LENGTH, Annotation
from telemetry.annotations.queries import annotations_of, touching
from telemetry.annotations.services import AnnotationGone, add_annotation, delete_annotation

SHOWN = 50
MAX_QUERY = 1000
_CLOCK = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note with its place over the bars, in percent of the drawing's width."""

    note: Annotation
    number: int
    x: str
    width: str


@dataclass(frozen=True, slots=True)
class NotesView:
    """The notes of a period, and the moment that a new one begins with."""

    rows: tuple[NoteView, ...]
    more: int
    first: dt.datetime


class NoteForm(forms.Form):
    """A note, in the site's clock; the end may be left out."""

    site = forms.UUIDField()
    start = forms.DateTimeField(label=gettext_lazy("From"), input_formats=_CLOCK)
    end = forms.DateTimeField(label=gettext_lazy("To"), input_formats=_CLOCK, required=False)
    text = forms.CharField(label=gettext_lazy("What happened"), max_length=TEXT_LENGTH)

    def moment(self, name: str, zone: ZoneInfo) -> dt.datetime | None:
        """Return a time of the form; the first of two where the clock goes back."""
        given: dt.datetime | None = self.cleaned_data[name]
        return given.replace(tzinfo=zone, fold=0) if given else None


def view_notes(summary: Summary) -> NotesView:
    """Return the newest notes of the period with their places over the bars."""
    starts = summary.frame.starts()
    last = to_moment(int(summary.frame.quarters[-1]))
    found = touching(annotations_of(summary.scope.site.id), start=starts[0], end=last)
    rows = list(found[: SHOWN + 1])
    more = max(0, found.count() - SHOWN) if len(rows) > SHOWN else 0
    edges = [moment.timestamp() for moment in (*starts, last)]
    shown = sorted(rows[:SHOWN], key=lambda note: note.start)
    return NotesView(
        tuple(_place(note, number, edges) for number, note in enumerate(shown, 1)), more, starts[0]
    )


def _place(note: Annotation, number: int, edges: list[float]) -> NoteView:
    low = _share(note.start.timestamp(), edges)
    high = _share((note.end or note.start).timestamp(), edges)
    return NoteView(note, number, f"{low * 100:.3f}%", f"{max(high - low, 0.004) * 100:.3f}%")


def _share(moment: float, edges: list[float]) -> float:
    """Return where a time lies on a drawing whose bars are equally wide, 0 to 1."""
    for at, (low, high) in enumerate(zip(edges, edges[1:], strict=False)):
        if moment < high:
            return (at + max(moment - low, 0.0) / (high - low)) / (len(edges) - 1)
    return 1.0


@require_POST
@requires("write:telemetry")
def note_add(request: HttpRequest) -> HttpResponse:
    """Keep a note; another organisation's site does not exist."""
    form = NoteForm(request.POST)
    if not form.is_valid():
        texts = (f"{form[name].label}: {' '.join(map(str, e))}" for name, e in form.errors.items())
        messages.error(request, " ".join(texts))
        return _back(request)
    site = Site.objects.filter(id=form.cleaned_data["site"]).first()
    if site is None:
        raise Http404
    zone = ZoneInfo(site.timezone)
    start = form.moment("start", zone) or timezone.now()
    try:
        add_annotation(
            site=site, device=None, start=start, end=form.moment("end", zone),
            text=form.cleaned_data["text"], now=timezone.now(),
            made_by=request.user if isinstance(request.user, User) else None,
        )  # fmt: skip
    except Refusal as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The note is kept."))
    return _back(request)


@require_POST
@requires("write:telemetry")
def note_delete(request: HttpRequest, annotation_id: uuid.UUID) -> HttpResponse:
    """Delete a note."""
    try:
        delete_annotation(annotation_id=annotation_id, now=timezone.now())
    except AnnotationGone as error:
        raise Http404 from error
    messages.success(request, _("The note is deleted."))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    """Return to the view of the page that the form was on."""
    query = QueryDict(request.POST.get("back", "")[:MAX_QUERY]).urlencode()
    return redirect(f"{reverse('energy')}?{query}" if query else "energy")
