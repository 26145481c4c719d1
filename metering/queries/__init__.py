"""Reads of meters and their ledger. Meters come from a query in the tenant's scope."""
