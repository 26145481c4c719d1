"""The probe: staff read registers of a bus, see what they could mean, and take values over."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from accounts.tenancy import tenant_scope
from devices.modbus.maps import SUNSPEC_KINDS
from devices.modbus.thingsboard import ImportedSlave, NotThingsBoard, import_thingsboard
from devices.models import DeviceProfile, ModbusBus, ModbusUnit
from devices.probe_form import (
    BIT_FUNCTIONS,
    ROW_TYPES,
    Draft,
    RangeForm,
    read_draft,
    show_rows,
    with_picked,
    without_row,
    words_text,
)
from devices.probe_metrics import OFFERED_METRICS
from devices.probe_table import SHOWN_TYPES, make_table
from devices.services.probe import ProbeFailed, Range, explore, read_range
from devices.services.probe_fit import (
    find_fits,
    look_for_sunspec,
    map_of,
    maps_with_probe,
    read_identity,
    sunspec_map,
)
from devices.services.probe_rows import Taken, add_rows, take_import, take_map

RATES = ("", "power", "energy", "identity")
MOST_IMPORT_BYTES = 1024 * 1024
ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")


class ProbePages:
    """Adds the page to the admin of buses."""

    def get_urls(self) -> list[URLPattern]:
        """Add the probe."""
        view = self.admin_site.admin_view(self.probe_view)  # type: ignore[attr-defined]
        own = path("<uuid:bus_id>/probe/", view, name="devices_modbusbus_probe")
        return [own, *super().get_urls()]  # type: ignore[misc]

    def probe_view(self, request: HttpRequest, bus_id: uuid.UUID) -> HttpResponse:
        """Show the page inside the tenant of the bus."""
        bus = self.get_object(request, str(bus_id))  # type: ignore[attr-defined]
        if bus is None:
            raise Http404
        if not self.has_change_permission(request, bus):  # type: ignore[attr-defined]
            raise PermissionDenied
        with tenant_scope(bus.tenant_id):
            answer = Probe(request, bus).answer()
            if isinstance(answer, HttpResponse):
                return answer
            context = {
                **self.admin_site.each_context(request),  # type: ignore[attr-defined]
                "title": gettext("Probe of %(name)s") % {"name": bus},
                "opts": ModbusBus._meta,
                **answer,
            }
            return TemplateResponse(request, "admin/devices/probe.html", context).render()


class Probe:
    """One press of a button on the page."""

    def __init__(self, request: HttpRequest, bus: ModbusBus) -> None:
        self.request = request
        self.bus = bus
        self.now = timezone.now()
        self.given = request.POST
        self.draft = read_draft(request.POST)
        self.unit = self._find_unit()
        self.form = RangeForm(self._wanted() if request.method == "POST" else None,
                              initial=self._first())  # fmt: skip
        self.errors: list[str] = []
        self.notes: list[str] = []
        self.found: dict[str, Any] = {}
        self.imported = self.given.get("import_text", "")

    def answer(self) -> dict[str, Any] | HttpResponseRedirect:
        """Do what was pressed; return what the page shows, or where to go then."""
        if self.request.method == "POST":
            try:
                gone = self._press()
            except ValidationError as error:
                self.errors += error.messages
            except ProbeFailed as error:
                self.errors.append(str(error))
            else:
                if gone is not None:
                    return gone
        return self._context()

    def _press(self) -> HttpResponseRedirect | None:
        for name in self._buttons():
            if name in self.given:
                return self._buttons()[name](self.given[name])
        action = self._actions().get(self.given.get("do", ""))
        return action() if action else None

    def _buttons(self) -> dict[str, Callable[[str], HttpResponseRedirect | None]]:
        return {
            "pick": self._pick, "remove": self._remove, "take_profile": self._take_profile,
            "take_sunspec": self._take_sunspec, "take_import": self._take_import,
        }  # fmt: skip

    def _actions(self) -> dict[str, Callable[[], HttpResponseRedirect | None]]:
        return {
            "read": self._read, "next": self._read, "previous": self._read, "save": self._save,
            "fits": self._fits, "identity": self._identity, "sunspec": self._sunspec,
            "import": self._import,
        }  # fmt: skip

    def _read(self) -> None:
        if not self.form.is_valid():
            return
        wanted = self.form.range
        words = read_range(self.bus, wanted, now=self.now)
        self.draft = Draft(tuple(words), self.draft.types, self.draft.rows, wanted)

    def _pick(self, key: str) -> None:
        self.draft = with_picked(self.draft, key)

    def _remove(self, number: str) -> None:
        self.draft = without_row(self.draft, number)

    def _save(self) -> HttpResponseRedirect:
        keep = "keep" in self.given
        return self._taken(
            add_rows(unit=self._need_unit(), rows=self.draft.rows, keep=keep, now=self.now)
        )

    def _fits(self) -> None:
        unit, candidates = self._number(), maps_with_probe()
        self.found["fits"] = explore(
            self.bus, lambda read: find_fits(read, unit, candidates), what="fits", unit=unit,
            now=self.now,
        )  # fmt: skip

    def _identity(self) -> None:
        unit = self._need_unit()
        found = map_of(unit)
        self.found["identity"] = explore(
            self.bus, lambda read: read_identity(read, unit.unit_id, found), what="identity",
            unit=unit.unit_id, now=self.now,
        )  # fmt: skip

    def _sunspec(self) -> None:
        number = self._number()
        self.found["sunspec"] = explore(
            self.bus, lambda read: look_for_sunspec(read, number), what="sunspec", unit=number,
            now=self.now,
        )  # fmt: skip

    def _take_sunspec(self, kind: str) -> HttpResponseRedirect:
        unit = self._need_unit()
        if kind not in SUNSPEC_KINDS:
            raise ValidationError(gettext("There is no such type of device."))
        found = explore(
            self.bus, lambda read: sunspec_map(read, unit.unit_id, kind), what="sunspec",
            unit=unit.unit_id, now=self.now,
        )  # fmt: skip
        return self._taken(take_map(unit=unit, register_map=found, now=self.now))

    def _take_profile(self, key: str) -> HttpResponseRedirect:
        profile = DeviceProfile.objects.filter(key=key).first()
        if profile is None:
            raise ValidationError(gettext("There is no such type of device."))
        return self._taken(
            take_map(unit=self._need_unit(), register_map=profile.register_map, now=self.now)
        )

    def _import(self) -> None:
        self.found["slaves"] = self._slaves()

    def _take_import(self, number: str) -> HttpResponseRedirect:
        slaves = self._slaves()
        if not (number.isascii() and number.isdigit() and int(number[:4]) < len(slaves)):
            raise ValidationError(gettext("There is no such device in the file."))
        return self._taken(
            take_import(unit=self._need_unit(), slave=slaves[int(number[:4])], now=self.now)
        )

    def _slaves(self) -> list[ImportedSlave]:
        """Read what was pasted or sent as a file; the page then shows it to be pressed on."""
        self.imported = self.given.get("import_text", "")
        file: Any = self.request.FILES.get("import_file")
        if file is not None:
            if file.size > MOST_IMPORT_BYTES:
                raise ValidationError(gettext("This file is too large: at most 1 MB."))
            self.imported = file.read().decode("utf-8", "replace")
        try:
            return import_thingsboard(self.imported)
        except NotThingsBoard as error:
            raise ValidationError(
                gettext("This is no Modbus file of a ThingsBoard gateway: %(detail)s")
                % {"detail": error}
            ) from error

    def _taken(self, taken: Taken) -> HttpResponseRedirect:
        rows = ngettext("%(count)d row was taken over.", "%(count)d rows were taken over.",
                        taken.rows) % {"count": taken.rows}  # fmt: skip
        messages.success(self.request, rows)
        if taken.channels:
            text = gettext("New channels: %(names)s.")
            messages.success(self.request, text % {"names": ", ".join(taken.channels)})
        for note in taken.notes:
            messages.info(self.request, note)
        address = reverse("admin:devices_modbusbus_probe", args=[self.bus.pk])
        return redirect(f"{address}?unit={self._number()}")

    def _find_unit(self) -> ModbusUnit | None:
        rows = ModbusUnit.objects.select_related("device__profile", "bus")
        return rows.filter(bus=self.bus, unit_id=self._number()).first()

    def _need_unit(self) -> ModbusUnit:
        if self.unit is None:
            text = gettext("Put a device on this bus as unit %(number)d first.")
            raise ValidationError(text % {"number": self._number()})
        return self.unit

    def _number(self) -> int:
        text = self.given.get("unit", "") or self.request.GET.get("unit", "1")
        is_number = text.isascii() and text.isdigit() and len(text) <= 3
        return min(int(text), 255) if is_number else 1

    def _first(self) -> dict[str, Any]:
        return {"unit": self._number(), "function": 3, "address": 0, "count": 20}

    def _wanted(self) -> dict[str, str]:
        """Return the range of the form, a page further or back where that was pressed."""
        values = {name: self.given.get(name, "") for name in Range.__slots__}
        step = {"next": 1, "previous": -1}.get(self.given.get("do", ""))
        if step and values["address"].isdigit() and values["count"].isdigit():
            count = int(values["count"])
            address = int(values["address"]) + step * count
            values["address"] = str(max(0, min(address, 0x10000 - max(1, count))))
        return values

    def _context(self) -> dict[str, Any]:
        draft, read = self.draft, self.draft.read
        is_bits = read is not None and read.function in BIT_FUNCTIONS
        table = None
        if read is not None and draft.words:
            table = make_table(draft.words, read.address, () if is_bits else draft.types)
        return {
            "bus": self.bus, "unit": self.unit, "number": self._number(), "form": self.form,
            "draft": draft, "read": read, "words": words_text(draft.words), "table": table,
            "is_bits": is_bits, "rows": show_rows(draft), "errors": self.errors,
            "shown_types": SHOWN_TYPES, "row_types": ROW_TYPES, "orders": ORDERS, "rates": RATES,
            "metrics": OFFERED_METRICS, "has_map": self._has_map(),
            "imported": self.imported, **self.found,
        }  # fmt: skip

    def _has_map(self) -> int:
        """Return how many rows the map has that holds for the unit now."""
        return len(map_of(self.unit).registers) if self.unit else 0
