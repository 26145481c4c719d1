"""Customers' pages of meters."""
