"""Follows samples with the conditions of rules. Pure: no database, no clock."""
