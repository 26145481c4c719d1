"""Reactors: what happens after samples are stored, each with its own group and pace."""
