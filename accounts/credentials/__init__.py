"""Credentials that programs send with each request."""
