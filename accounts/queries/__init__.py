"""Reads of people, roles, keys and the audit trail."""
