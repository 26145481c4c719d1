"""Roles and permissions: the registry, who has what, and the one way to ask."""
