"""Puts the product's admin site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig


class ProductAdminConfig(AdminConfig):
    """Finds the admin modules, as Django's own does."""

    default_site = "accounts.admin_site.ProductAdminSite"
