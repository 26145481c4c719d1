"""Builds the ledger from stored samples."""
