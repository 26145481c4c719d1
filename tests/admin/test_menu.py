"""The side bar leads to what staff look for."""

from __future__ import annotations

import pytest
from django.contrib import admin

from energy.admin_menu import MENU
from tests.factories import UserFactory


@pytest.mark.parametrize("app", ["telemetry", "metering"])
def test_every_list_of_measurements_is_in_the_side_bar(app: str) -> None:
    listed = {label for models in MENU.values() for label in models}
    registered = {m._meta.label for m in admin.site._registry if m._meta.app_label == app}

    assert registered <= listed


@pytest.mark.django_db
def test_the_forms_name_their_choosers(client_for) -> None:
    root = UserFactory(is_staff=True, is_superuser=True)

    assert "fleet/select_names.js" in client_for(root).get("/admin/").content.decode()
