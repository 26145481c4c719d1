"""Addresses of the pages about shares, all below /settings/."""

from __future__ import annotations

from django.urls import path

from devices.pages import shares

urlpatterns = [
    path("shares", shares.shares, name="settings-shares"),
    path("shares/new", shares.share_new, name="settings-share-new"),
    path("shares/revoke-all", shares.shares_revoke_all, name="settings-shares-revoke-all"),
    path("shares/<uuid:share_id>/extend", shares.share_extend, name="settings-share-extend"),
    path("shares/<uuid:share_id>/revoke", shares.share_revoke, name="settings-share-revoke"),
]
