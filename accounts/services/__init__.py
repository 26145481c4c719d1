"""What may be done with tenants, people and keys; each function is one transaction."""
