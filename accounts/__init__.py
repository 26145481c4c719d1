"""Tenants, users, memberships, isolation, and the base classes of admin and API."""
