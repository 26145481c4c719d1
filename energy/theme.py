"""How the admin looks."""

from typing import Any

from django.utils.translation import gettext_lazy as _

# the customer pages' teal, from the lightest (50) to the darkest (950)
ADMIN_TEAL = {
    "50": "oklch(98.4% .014 180.72)",
    "100": "oklch(95.3% .051 180.80)",
    "200": "oklch(91% .096 180.43)",
    "300": "oklch(85.5% .138 181.07)",
    "400": "oklch(77.7% .152 181.91)",
    "500": "oklch(60% .118 184.70)",
    "600": "oklch(51.1% .096 186.39)",
    "700": "oklch(43.7% .078 188.22)",
    "800": "oklch(38.6% .063 188.42)",
    "900": "oklch(32% .055 190)",
    "950": "oklch(27.7% .046 192.52)",
}
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Energy platform"),
    "SITE_HEADER": _("Energy platform"),
    "SITE_SUBHEADER": "energy.admin_menu.subheader",
    "SITE_URL": "/",
    "SITE_ICON": "energy.admin_menu.brand_mark",
    "SITE_FAVICONS": [{"rel": "icon", "href": "energy.admin_menu.brand_mark"}],
    "COLORS": {"primary": ADMIN_TEAL},
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "energy.dashboard.fleet_overview",
    "SCRIPTS": ["energy.admin_menu.chooser_names"],
    "SIDEBAR": {"navigation": "energy.admin_menu.navigation"},
}
