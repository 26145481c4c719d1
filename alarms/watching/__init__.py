"""Follows stored samples with all rules."""
