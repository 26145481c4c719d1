"""Tests of the audit trail and of secrets at rest."""
